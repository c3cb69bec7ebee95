package repositories_test

import (
	"errors"
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
