package services_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/passwords"
)

// anyAttempt is a SignInLimiter without a limit.
type anyAttempt struct{}

func (anyAttempt) Attempt(context.Context, string, netip.Addr) (time.Duration, error) { return 0, nil }
func (anyAttempt) Succeed(context.Context, string, netip.Addr) error                  { return nil }
func (anyAttempt) Refund(context.Context, string, netip.Addr) error                   { return nil }

// changing is a store of one user, whose credentials change after they were read.
type changing struct {
	services.UserStore
	user, next services.User
	deleted    bool
}

func (s *changing) ByEmail(context.Context, string) (services.User, error) {
	read := s.user
	s.user = s.next
	return read, nil
}

func (s *changing) Delete(_ context.Context, _, version int64) error {
	if version != 0 && version != s.user.CredentialsVersion {
		return services.ErrNoUser
	}
	s.deleted = true
	return nil
}

// A request whose session has ended meanwhile, as by a reset, must not act for the user.
func TestAccounts_AChangeIsOfTheCredentialsThatWereChecked(t *testing.T) {
	hasher := passwords.NewHasher(1)
	hash, err := hasher.Hash(t.Context(), "a long password")
	if err != nil {
		t.Fatal(err)
	}
	user := services.User{ID: 1, Email: "ada@example.com", PasswordHash: hash, CredentialsVersion: 1}
	ended := user
	ended.CredentialsVersion = 2
	for what, c := range map[string]struct {
		read, next services.User
		want       error
		mails      int
	}{
		"nothing happens":                      {user, user, nil, 1},
		"the session ends before the password": {ended, ended, services.ErrSignInNeeded, 0},
		"the session ends after the password":  {user, ended, services.ErrSignInNeeded, 1}, // the mail's job compares again
	} {
		store, mails := &changing{user: c.read, next: c.next}, 0
		accounts := services.NewAccounts(services.NewUsers(store, anyAttempt{}, hasher), nil, anyAttempt{},
			func(context.Context, services.AccountMail) error { mails++; return nil }, services.AccountOptions{Mail: true})
		err := accounts.Delete(t.Context(), user, services.Deletion{CurrentPassword: new("a long password")}, netip.Addr{})
		if !errors.Is(err, c.want) || store.deleted != (c.want == nil) {
			t.Errorf("%s: deleted is %t, error %v", what, store.deleted, err)
		}
		store.user = c.read
		_ = accounts.RequestEmail(t.Context(), user,
			services.EmailChange{CurrentPassword: new("a long password"), Email: new("new@example.com")}, netip.Addr{})
		if mails != c.mails {
			t.Errorf("%s: %d mails", what, mails)
		}
	}
}
