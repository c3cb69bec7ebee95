package services

import (
	"context"
	netmail "net/mail"
	"net/netip"
	"slices"
	"time"

	"example.com/prefab/services/problem"
)

// Accounts are the rules by which people make, change and delete their own accounts. No
// answer, nor its time, tells whether an address is known: what depends on that is done
// by AccountMails, later.
type Accounts struct {
	users   *Users
	links   AccountLinkStore
	limiter SignInLimiter // of mails, by mailbox and client
	later   func(context.Context, AccountMail) error
	options AccountOptions
}

// AccountOptions say what people may do.
type AccountOptions struct {
	SignUp bool // people may make accounts
	Mail   bool // there is a mail server, without which nobody gets a link
}

// NewAccounts returns the accounts of users. later leaves a mail to a job.
func NewAccounts(
	users *Users, links AccountLinkStore, limiter SignInLimiter,
	later func(context.Context, AccountMail) error, o AccountOptions,
) *Accounts {
	return &Accounts{users: users, links: links, limiter: limiter, later: later, options: o}
}

// The errors of accounts.
var (
	ErrSignUpClosed = &problem.Error{
		Code: problem.Forbidden, Message: "This service takes no new users by itself.",
	}
	ErrNoMail = &problem.Error{
		Code: problem.Forbidden, Message: "This service sends no mail. Please ask its operator.",
	}
)

// Options returns what people may do.
func (s *Accounts) Options() AccountOptions { return s.options }

// SignUpFields are what somebody gives for an account. The password comes after the mail:
// a stranger must not choose it.
type SignUpFields struct {
	Email *string `json:"email" doc:"Gets a mail with a link, by which the account is made."`
	Name  *string `json:"name" doc:"What others see."`
}

// Rules are the rules of the fields.
func (f SignUpFields) Rules(r *problem.Rules) {
	emailRules(r, f.Email)
	r.Require("name", f.Name != nil)
	if f.Name != nil {
		r.Line("name", *f.Name, 1, 100)
	}
}

// EmailFields are an address alone.
type EmailFields struct {
	Email *string `json:"email"`
}

// Rules are the rules of the fields.
func (f EmailFields) Rules(r *problem.Rules) { emailRules(r, f.Email) }

func emailRules(r *problem.Rules, email *string) {
	r.Require("email", email != nil)
	if email != nil {
		r.Check(isMailable(normalEmail(*email)), "email", "must be an e-mail address")
	}
}

// isMailable refuses what a mail server would take for another address, such as
// x<ada@example.com>: limits and accounts are by address.
func isMailable(email string) bool {
	parsed, err := netmail.ParseAddress(email)
	return validEmail(email) && err == nil && parsed.Name == "" && parsed.Address == email
}

// SignUp mails a link to an address, by which the account is made.
func (s *Accounts) SignUp(ctx context.Context, f SignUpFields, client netip.Addr) error {
	if err := problem.Check(f.Rules); err != nil {
		return err
	}
	if !s.options.SignUp {
		return ErrSignUpClosed
	}
	if slices.Contains(s.users.reserved, normalEmail(*f.Email)) {
		return problem.InvalidField("email", "is reserved for a sample user")
	}
	return s.mail(ctx, AccountMail{Kind: SignUpMail, Email: normalEmail(*f.Email), Name: *f.Name}, client)
}

// RequestReset mails a link to an address, by which its user sets another password.
func (s *Accounts) RequestReset(ctx context.Context, f EmailFields, client netip.Addr) error {
	if err := problem.Check(f.Rules); err != nil {
		return err
	}
	return s.mail(ctx, AccountMail{Kind: ResetMail, Email: normalEmail(*f.Email)}, client)
}

// mail leaves a mail to a job, unless too many were asked for.
func (s *Accounts) mail(ctx context.Context, m AccountMail, client netip.Addr) error {
	if !s.options.Mail {
		return ErrNoMail
	}
	wait, err := s.limiter.Attempt(ctx, m.Email, client)
	if err != nil {
		return err
	}
	if wait > 0 {
		return &problem.Error{
			Code: problem.TooMany, Message: "Too many mails were asked for. Please wait a little.", RetryAfter: wait,
		}
	}
	return s.later(ctx, m)
}

// Link returns what a link is for, or ErrLinkOver.
func (s *Accounts) Link(ctx context.Context, token string) (AccountLink, error) {
	return s.links.Get(ctx, hashToken(token), time.Now())
}

// Complete sets the password by a link, which makes the new user or resets the known
// one's password. A password that breaks a rule leaves the link as it was.
func (s *Accounts) Complete(ctx context.Context, token, password string) (User, error) {
	var r problem.Rules
	checkPassword(&r, password)
	if err := r.Err(); err != nil {
		return User{}, err
	}
	link, err := s.Link(ctx, token)
	if err == nil && link.Purpose == EmailLink {
		err = ErrLinkOver
	}
	if err != nil {
		return User{}, err
	}
	hash, err := s.users.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	if link.Purpose == SignUpLink {
		return s.links.CreateUser(ctx, link, time.Now(), hash)
	}
	return s.links.ResetPassword(ctx, link, time.Now(), hash)
}

// ConfirmEmail changes a user's address by a link, and tells the old one. All sessions end.
func (s *Accounts) ConfirmEmail(ctx context.Context, token string) (User, error) {
	link, err := s.Link(ctx, token)
	if err == nil && link.Purpose != EmailLink {
		err = ErrLinkOver
	}
	if err != nil {
		return User{}, err
	}
	before, err := s.users.Get(ctx, link.UserID)
	if err != nil {
		return User{}, err
	}
	notice := AccountMail{Kind: EmailChangedMail, Email: before.Email, Name: before.Name}
	return s.links.ChangeEmail(ctx, link, time.Now(), notice)
}
