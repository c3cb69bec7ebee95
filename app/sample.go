package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/server"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/passwords"
)

// The passwords are public, so production refuses to start where one of them signs in.
var sampleUsers = []struct {
	user     services.User
	password string
}{
	{services.User{Email: "admin@prefab.example", Name: "Ada Admin", Role: services.Admin}, "sample-admin-password"},
	{services.User{Email: "member@prefab.example", Name: "Max Member", Role: services.Member}, "sample-member-password"},
}

// addSampleUsers adds the users of an embedded database.
func addSampleUsers(ctx context.Context, db *sqlx.DB, cfg Config) error {
	store := repositories.NewUsers(db)
	users := newUsers(cfg, store, nil)
	for _, sample := range sampleUsers {
		_, err := store.ByEmail(ctx, sample.user.Email)
		if errors.Is(err, services.ErrNoUser) {
			_, err = users.Add(ctx, sample.user, sample.password)
		}
		if err != nil && !errors.Is(err, services.ErrEmailTaken) { // another start was quicker
			return fmt.Errorf("add the sample user %s: %w", sample.user.Email, err)
		}
	}
	return nil
}

// newUsers returns the rules of users. In production they reserve the addresses of
// the sample users: a visitor who registers one with the public password would keep
// the service from its next start.
func newUsers(cfg Config, store services.UserStore, limiter services.SignInLimiter) *services.Users {
	var reserved []string
	for _, sample := range sampleUsers {
		if cfg.Env == server.Production {
			reserved = append(reserved, sample.user.Email)
		}
	}
	return services.NewUsers(store, limiter, passwords.NewHasher(cfg.PasswordConcurrency), reserved...)
}

// refuseSampleUsers reports the sample users who can sign in with their public
// passwords. An address alone proves nothing: somebody may have taken it.
func refuseSampleUsers(ctx context.Context, db *sqlx.DB) error {
	store, passwords := repositories.NewUsers(db), passwords.NewHasher(1)
	var problems []error
	for _, sample := range sampleUsers {
		user, err := store.ByEmail(ctx, sample.user.Email)
		if errors.Is(err, services.ErrNoUser) {
			continue
		}
		var public bool
		if err == nil {
			public, err = passwords.Matches(ctx, sample.password, user.PasswordHash)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("check the password of %s: %w", sample.user.Email, err))
		}
		if public {
			problems = append(problems, fmt.Errorf("the sample user %[1]s, whose password is public, must not be in "+
				"production's database: DELETE FROM users WHERE email = '%[1]s' removes it", sample.user.Email))
		}
	}
	return errors.Join(problems...)
}

const welcome = `
  %[1]s/                  the start page
  %[1]s/docs              the API, to read and to try
  %[1]s/_dev/requests     what each request did
  %[1]s/_dev/mail         mails, which nobody sends in development
  %[1]s/health            how it is doing

  Sign in at %[1]s/login as
`

func printWelcome(out io.Writer, url string) {
	fmt.Fprintf(out, welcome, url)
	for _, sample := range sampleUsers {
		fmt.Fprintf(out, "    %-8s %s  %s\n", sample.user.Role, sample.user.Email, sample.password)
	}
	fmt.Fprintln(out)
}
