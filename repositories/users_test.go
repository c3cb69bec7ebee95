package repositories_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func TestUsers_AreFoundByIDAndByAddressInAnyCase(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		users, want := repositories.NewUsers(db), newUser(t, db, "Ada.Lovelace@Example.com")
		newUser(t, db, "grace@example.com")
		for _, email := range []string{"Ada.Lovelace@Example.com", "ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM"} {
			if got, err := users.ByEmail(t.Context(), email); got != want || err != nil {
				t.Errorf("%s: %+v, error %v", email, got, err)
			}
		}
		if got, err := users.Get(t.Context(), want.ID); got != want || err != nil {
			t.Errorf("by id: %+v, error %v", got, err)
		}
	})
}

func TestUsers_AbsentOnesAreErrNoUser(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		users := repositories.NewUsers(db)
		newUser(t, db, "ada@example.com")
		if _, err := users.Get(t.Context(), 1<<62); !errors.Is(err, services.ErrNoUser) {
			t.Errorf("by id: error %v", err)
		}
		for _, email := range []string{"", "a_a@example.com", "%", "ada@example.com ", "' OR '1'='1"} {
			if _, err := users.ByEmail(t.Context(), email); !errors.Is(err, services.ErrNoUser) {
				t.Errorf("%q: error %v", email, err)
			}
		}
	})
}

func TestUsersCreate_OneOfManyWithTheSameAddressWins(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		oneWins(t, atOnce(8, func(i int) error {
			email := []string{"ada@example.com", "Ada@Example.com"}[i%2]
			_, err := repositories.NewUsers(db).Create(t.Context(), services.User{Email: email, Role: services.Member})
			return err
		}), services.ErrEmailTaken)
	})
}

// The rules refuse these before.
func TestUsers_WhatPostgreSQLCannotTakeIsInvalid(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		users := repositories.NewUsers(db)
		for _, text := range []string{"hunter2\x00", "hunter2\xff", "hunter2\xed\xa0\x80"} {
			_, err := users.ByEmail(t.Context(), text)
			if problem.CodeOf(err) != problem.Invalid || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: error %v", text, err)
			}
		}
		_, err := users.Create(t.Context(), services.User{Email: "b@example.com", Role: "nobody"})
		if problem.CodeOf(err) != problem.Invalid {
			t.Errorf("an unknown role: error %v", err)
		}
	})
}

func TestUsers_ChangesShowAndPasswordsRaiseTheVersion(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		ctx, users := t.Context(), repositories.NewUsers(db)
		ada, grace := newUser(t, db, "ada@example.com"), newUser(t, db, "grace@example.com")
		want := ada
		for _, step := range []struct {
			change func() (services.User, error)
			expect func()
		}{
			{func() (services.User, error) { return users.SetRole(ctx, ada.ID, services.Admin) }, func() { want.Role = services.Admin }},
			{func() (services.User, error) {
				return users.SetPassword(ctx, ada.ID, ada.CredentialsVersion, "another")
			}, func() {
				want.PasswordHash = "another"
				want.CredentialsVersion++
			}},
			{func() (services.User, error) { return users.EndSessions(ctx, ada.ID) }, func() { want.CredentialsVersion++ }},
			{func() (services.User, error) { return users.SetPassword(ctx, ada.ID, 0, "a third") }, func() {
				want.PasswordHash = "a third"
				want.CredentialsVersion++
			}},
		} {
			step.expect()
			got, err := step.change()
			read, readErr := users.Get(ctx, ada.ID)
			if got != want || read != want || err != nil || readErr != nil {
				t.Errorf("got %+v, then %+v, errors %v, %v, want %+v", got, read, err, readErr, want)
			}
		}
		if _, err := users.SetPassword(ctx, ada.ID, ada.CredentialsVersion, "late"); !errors.Is(err, services.ErrNoUser) {
			t.Errorf("a change by what is over: error %v", err)
		}
		for after, want := range map[int64][]services.User{0: {want}, ada.ID: {grace}, grace.ID: {}} {
			if got, err := users.List(ctx, after, 1); !slices.Equal(got, want) || err != nil {
				t.Errorf("after %d: %+v, error %v", after, got, err)
			}
		}
		if err := users.Delete(ctx, ada.ID, ada.CredentialsVersion); !errors.Is(err, services.ErrNoUser) {
			t.Errorf("a deletion by what is over: error %v", err)
		}
		if err := users.Delete(ctx, ada.ID, want.CredentialsVersion); err != nil {
			t.Error(err)
		}
		if _, err := users.Get(ctx, ada.ID); !errors.Is(err, services.ErrNoUser) {
			t.Errorf("deleted: error %v", err)
		}
		_, role := users.SetRole(ctx, ada.ID, services.Admin)
		_, password := users.SetPassword(ctx, ada.ID, 0, "hash")
		for _, err := range []error{role, password, users.Delete(ctx, ada.ID, 0)} {
			if !errors.Is(err, services.ErrNoUser) {
				t.Errorf("a change of who is gone: error %v", err)
			}
		}
		if got, err := users.Get(ctx, grace.ID); got != grace || err != nil {
			t.Errorf("another user has become %+v, error %v", got, err)
		}
	})
}
