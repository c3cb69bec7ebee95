package services

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"example.com/prefab/services/mail"
)

// The kinds of mails.
const (
	SignUpMail       = "sign-up"
	ResetMail        = "reset-password"
	ChangeEmailMail  = "change-email"
	EmailChangedMail = "email-changed"
)

// AccountMail is what a request leaves in the outbox. It holds no secret: the link's is
// made when the mail is sent.
type AccountMail struct {
	Kind   string `json:"-"`
	Email  string `json:"email"`
	Name   string `json:"name,omitempty"`
	UserID int64  `json:"userId,omitempty"`

	// CredentialsVersion is the user's when the mail was asked for: a link that is made later
	// must not outlive a change in between.
	CredentialsVersion int64 `json:"credentialsVersion,omitempty"`
}

// AccountMails send the mails that Accounts has left to a job.
type AccountMails struct {
	users  UserStore
	links  AccountLinkStore
	sender mail.Sender
	site   string // https://example.com
}

// NewAccountMails returns mails whose links begin with site.
func NewAccountMails(users UserStore, links AccountLinkStore, sender mail.Sender, site string) *AccountMails {
	return &AccountMails{users: users, links: links, sender: sender, site: site}
}

// Send sends a mail of its kind. A second attempt sends another link.
func (s *AccountMails) Send(ctx context.Context, m AccountMail) error {
	known, err := s.users.ByEmail(ctx, m.Email)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return err
	}
	isKnown := err == nil
	switch m.Kind {
	case SignUpMail, ChangeEmailMail:
		if isKnown {
			return s.sender.Send(ctx, s.addressKnown(m.Email))
		}
	case ResetMail:
		if !isKnown || known.PasswordHash == "" { // who may not sign in gets no way to
			return nil
		}
		m.Email = known.Email // the one that was confirmed, not as somebody has typed it
	case EmailChangedMail:
		return s.sender.Send(ctx, s.emailChanged(m))
	}
	return s.sendLink(ctx, m, known)
}

// sendLink makes a link and mails it.
func (s *AccountMails) sendLink(ctx context.Context, m AccountMail, known User) error {
	token, now := newToken(), time.Now()
	link := AccountLink{TokenHash: hashToken(token), Email: m.Email, Name: m.Name, ExpiresAt: now.Add(linkLasts)}
	var text mail.Message
	switch m.Kind {
	case SignUpMail:
		link.Purpose, text = SignUpLink, s.welcome(m, s.linkTo("/account/password", token))
	case ResetMail:
		link.Purpose, text = ResetLink, s.reset(m, s.linkTo("/account/password", token))
		link.ExpiresAt = now.Add(resetLinkLasts)
		link.UserID, link.CredentialsVersion = known.ID, known.CredentialsVersion
	case ChangeEmailMail:
		user, err := s.users.Get(ctx, m.UserID)
		if errors.Is(err, ErrNoUser) || err == nil && user.CredentialsVersion != m.CredentialsVersion {
			return nil
		}
		if err != nil {
			return err
		}
		link.Purpose, text = EmailLink, s.confirmEmail(m, s.linkTo("/account/email", token))
		link.UserID, link.CredentialsVersion = user.ID, user.CredentialsVersion
	default:
		return fmt.Errorf("there is no mail of the kind %q", m.Kind)
	}
	if err := s.links.Add(ctx, link); err != nil {
		return err
	}
	return s.sender.Send(ctx, text)
}

func (s *AccountMails) linkTo(path, token string) string {
	return s.site + path + "?token=" + url.QueryEscape(token)
}
