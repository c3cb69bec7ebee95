package services

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"example.com/prefab/services/problem"
)

// What follows needs the password again: a session may be one that somebody has left open.

// PasswordChange is a user's wish for another password.
type PasswordChange struct {
	CurrentPassword *string `json:"currentPassword" format:"password"`
	Password        *string `json:"password" format:"password" doc:"The new one."`
}

// Rules are the rules of the fields.
func (f PasswordChange) Rules(r *problem.Rules) {
	r.Require("currentPassword", f.CurrentPassword != nil)
	r.Require("password", f.Password != nil)
	if f.Password != nil {
		checkPassword(r, *f.Password)
	}
}

// EmailChange is a user's wish for another address.
type EmailChange struct {
	CurrentPassword *string `json:"currentPassword" format:"password"`
	Email           *string `json:"email" doc:"Gets a mail with a link, by which the address changes."`
}

// Rules are the rules of the fields.
func (f EmailChange) Rules(r *problem.Rules) {
	r.Require("currentPassword", f.CurrentPassword != nil)
	emailRules(r, f.Email)
}

// Deletion is a user's wish to be deleted.
type Deletion struct {
	CurrentPassword *string `json:"currentPassword" format:"password"`
}

// Rules are the rules of the fields.
func (f Deletion) Rules(r *problem.Rules) { r.Require("currentPassword", f.CurrentPassword != nil) }

// ChangePassword replaces a user's password. All sessions and tokens end.
func (s *Accounts) ChangePassword(ctx context.Context, u User, f PasswordChange, client netip.Addr) (User, error) {
	if err := problem.Check(f.Rules); err != nil {
		return User{}, err
	}
	if err := s.confirm(ctx, u, *f.CurrentPassword, client); err != nil {
		return User{}, err
	}
	// Of the version, or a reset that happens meanwhile would be undone by the old password.
	changed, err := s.users.setPassword(ctx, u.ID, u.CredentialsVersion, *f.Password)
	return changed, endedMeanwhile(err)
}

// RequestEmail mails a link to a user's new address, by which it replaces the old one.
func (s *Accounts) RequestEmail(ctx context.Context, u User, f EmailChange, client netip.Addr) error {
	if err := problem.Check(f.Rules); err != nil {
		return err
	}
	if slices.Contains(s.users.reserved, normalEmail(*f.Email)) {
		return problem.InvalidField("email", "is reserved for a sample user")
	}
	if err := s.confirm(ctx, u, *f.CurrentPassword, client); err != nil {
		return err
	}
	return s.mail(ctx, AccountMail{
		Kind: ChangeEmailMail, Email: normalEmail(*f.Email), UserID: u.ID, CredentialsVersion: u.CredentialsVersion,
	}, client)
}

// EndSessions signs a user out everywhere.
func (s *Accounts) EndSessions(ctx context.Context, u User) error {
	_, err := s.users.EndSessions(ctx, u.ID)
	return err
}

// Delete deletes a user, with all that is the user's.
func (s *Accounts) Delete(ctx context.Context, u User, f Deletion, client netip.Addr) error {
	if err := problem.Check(f.Rules); err != nil {
		return err
	}
	if err := s.confirm(ctx, u, *f.CurrentPassword, client); err != nil {
		return err
	}
	return endedMeanwhile(s.users.store.Delete(ctx, u.ID, u.CredentialsVersion))
}

// confirm wants the user's password. Attempts count as those to sign in. The user must still
// have the version of the credentials that the request began with.
func (s *Accounts) confirm(ctx context.Context, u User, password string, client netip.Addr) error {
	now, err := s.users.SignIn(ctx, u.Email, password, client)
	if problem.CodeOf(err) == problem.Unauthenticated {
		return problem.InvalidField("currentPassword", "is wrong")
	}
	if err == nil && (now.ID != u.ID || now.CredentialsVersion != u.CredentialsVersion) {
		return ErrSignInNeeded
	}
	return err
}

// endedMeanwhile makes "no user of this version" the answer to a session that has ended.
func endedMeanwhile(err error) error {
	if errors.Is(err, ErrNoUser) {
		return ErrSignInNeeded
	}
	return err
}
