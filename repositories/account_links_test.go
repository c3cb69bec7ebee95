package repositories_test

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/repositories"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/services"
)

func accountLinks(db *sqlx.DB) *repositories.AccountLinks {
	box := outbox.New(outbox.Options{DB: db, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	return repositories.NewAccountLinks(db, box)
}

var expiry = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// newLink adds a link for the user, or for a new one.
func newLink(t *testing.T, db *sqlx.DB, purpose services.LinkPurpose, u services.User) services.AccountLink {
	t.Helper()
	l := services.AccountLink{
		TokenHash: []byte(rand.Text()), Purpose: purpose, UserID: u.ID, CredentialsVersion: u.CredentialsVersion,
		Email: "new@example.com", Name: "New", ExpiresAt: expiry,
	}
	if err := accountLinks(db).Add(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

func count(t *testing.T, db *sqlx.DB, table string) (n int) {
	t.Helper()
	if err := db.GetContext(t.Context(), &n, "SELECT count(*) FROM "+table); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAccountLinks_EndAtTheirExpiry(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		links, ctx := accountLinks(db), t.Context()
		for _, purpose := range []services.LinkPurpose{services.SignUpLink, services.ResetLink, services.EmailLink} {
			var user services.User
			if purpose != services.SignUpLink {
				user = newUser(t, db, string(purpose)+"@example.com")
			}
			link := newLink(t, db, purpose, user)
			use := func(at time.Time) (err error) {
				switch purpose {
				case services.SignUpLink:
					_, err = links.CreateUser(ctx, link, at, "hash")
				case services.ResetLink:
					_, err = links.ResetPassword(ctx, link, at, "hash")
				case services.EmailLink:
					link.Email = "another@example.com"
					_, err = links.ChangeEmail(ctx, link, at, services.AccountMail{Kind: "email-changed"})
				}
				return err
			}
			if _, err := links.Get(ctx, link.TokenHash, expiry); !errors.Is(err, services.ErrLinkOver) {
				t.Errorf("%s: at its expiry it is read, error %v", purpose, err)
			}
			if err := use(expiry); !errors.Is(err, services.ErrLinkOver) {
				t.Errorf("%s: at its expiry it is used, error %v", purpose, err)
			}
			before := expiry.Add(-time.Microsecond)
			if got, err := links.Get(ctx, link.TokenHash, before); err != nil || got.UserID != user.ID || !got.ExpiresAt.Equal(expiry) {
				t.Errorf("%s: just before it is %+v, error %v", purpose, got, err)
			}
			if err := errors.Join(links.DeleteExpired(ctx, before), use(before)); err != nil {
				t.Errorf("%s: just before: %v", purpose, err)
			}
			if err := use(before); !errors.Is(err, services.ErrLinkOver) {
				t.Errorf("%s: it works twice, error %v", purpose, err)
			}
		}
		newLink(t, db, services.SignUpLink, services.User{})
		if err := links.DeleteExpired(ctx, expiry); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "account_links"); n != 0 {
			t.Errorf("%d expired links are left", n)
		}
	})
}

func TestAccountLinks_OneOfManyUsesWins(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		links, now, ada := accountLinks(db), expiry.Add(-time.Hour), newUser(t, db, "ada@example.com")
		sameVersion := []services.AccountLink{newLink(t, db, services.ResetLink, ada), newLink(t, db, services.ResetLink, ada)}
		oneWins(t, atOnce(8, func(i int) error {
			_, err := links.ResetPassword(t.Context(), sameVersion[i%2], now, "hash")
			return err
		}), services.ErrLinkOver)

		newOne := newLink(t, db, services.SignUpLink, services.User{})
		oneWins(t, atOnce(8, func(int) error {
			_, err := links.CreateUser(t.Context(), newOne, now, "hash")
			return err
		}), services.ErrLinkOver)
		again := newLink(t, db, services.SignUpLink, services.User{})
		if _, err := links.CreateUser(t.Context(), again, now, "hash"); !errors.Is(err, services.ErrEmailTaken) {
			t.Errorf("a second user with the address: error %v", err)
		}
		if _, err := links.Get(t.Context(), again.TokenHash, now); err != nil {
			t.Errorf("what was refused has used the link: %v", err)
		}
	})
}

func TestAccountLinks_EndWithTheCredentialsAndWithTheUser(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		links, now, ada := accountLinks(db), expiry.Add(-time.Hour), newUser(t, db, "ada@example.com")
		users, link := repositories.NewUsers(db), newLink(t, db, services.EmailLink, ada)
		if _, err := users.EndSessions(t.Context(), ada.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := links.ChangeEmail(t.Context(), link, now, services.AccountMail{}); !errors.Is(err, services.ErrLinkOver) {
			t.Errorf("after a change of the credentials: error %v", err)
		}
		if n := count(t, db, "outbox"); n != 0 {
			t.Error("a notice is sent of what was not done")
		}
		if err := users.Delete(t.Context(), ada.ID, 0); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, "account_links"); n != 0 {
			t.Errorf("%d links of a deleted user are left", n)
		}
	})
}
