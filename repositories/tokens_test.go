package repositories_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func newToken(t *testing.T, tokens services.TokenStore, owner services.User, hash string) services.Token {
	t.Helper()
	token, err := tokens.Create(t.Context(), services.Token{
		UserID: owner.ID, Name: "import", Scope: services.ScopeWrite, Hash: hash, CredentialsVersion: owner.CredentialsVersion,
		ExpiresAt: time.Now().Add(time.Hour).UTC().Truncate(time.Second),
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func same(a, b services.Token) bool {
	return a.ID == b.ID && a.UserID == b.UserID && a.Name == b.Name && a.Scope == b.Scope && a.Hash == b.Hash &&
		a.CredentialsVersion == b.CredentialsVersion && a.ExpiresAt.Equal(b.ExpiresAt) && a.CreatedAt.Equal(b.CreatedAt)
}

func TestTokens_BelongToTheirUser(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		tokens := repositories.NewTokens(db)
		ada, other := newUser(t, db, "ada@example.com"), newUser(t, db, "max@example.com")
		first, second := newToken(t, tokens, ada, "1"), newToken(t, tokens, ada, "2")
		newToken(t, tokens, other, "3")
		if got, err := tokens.Find(t.Context(), "1"); err != nil || !same(got, first) || got.LastUsedAt != nil {
			t.Errorf("by its hash: %+v, error %v, want %+v", got, err, first)
		}
		if got, err := tokens.List(t.Context(), ada.ID); err != nil || len(got) != 2 || !same(got[0], second) || !same(got[1], first) {
			t.Errorf("all: %+v, error %v", got, err)
		}
		if err := tokens.Delete(t.Context(), other.ID, first.ID); !errors.Is(err, services.ErrNoToken) {
			t.Errorf("another user deletes it: %v", err)
		}
		if _, err := tokens.Get(t.Context(), other.ID, first.ID); !errors.Is(err, services.ErrNoToken) {
			t.Errorf("another user gets it: %v", err)
		}
		if err := tokens.Delete(t.Context(), ada.ID, first.ID); err != nil {
			t.Error(err)
		}
		if _, err := tokens.Find(t.Context(), "1"); !errors.Is(err, services.ErrNoToken) {
			t.Errorf("deleted, and found: %v", err)
		}
		if err := repositories.NewUsers(db).Delete(t.Context(), ada.ID, 0); err != nil {
			t.Error(err)
		}
		if _, err := tokens.Find(t.Context(), "2"); !errors.Is(err, services.ErrNoToken) {
			t.Errorf("its user is deleted: %v", err)
		}
		gone := services.Token{UserID: ada.ID, Scope: services.ScopeRead, Hash: "4", ExpiresAt: time.Now()}
		if _, err := tokens.Create(t.Context(), gone); !errors.Is(err, services.ErrNoUser) {
			t.Errorf("a token of nobody: %v", err)
		}
	})
}

func TestTokens_AreBounded(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		tokens, ada := repositories.NewTokens(db), newUser(t, db, "ada@example.com")
		for i := range services.MaxTokens {
			newToken(t, tokens, ada, fmt.Sprint(i))
		}
		more := services.Token{UserID: ada.ID, Scope: services.ScopeRead, Hash: "more", ExpiresAt: time.Now()}
		if _, err := tokens.Create(t.Context(), more); !errors.Is(err, services.ErrTooManyTokens) {
			t.Errorf("error %v", err)
		}
		ada, err := repositories.NewUsers(db).EndSessions(t.Context(), ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tokens.List(t.Context(), ada.ID); err != nil || len(got) != 0 {
			t.Errorf("%d tokens that have ended are listed, error %v", len(got), err)
		}
		next := newToken(t, tokens, ada, "next") // those that have ended do not count
		if got, err := tokens.List(t.Context(), ada.ID); err != nil || len(got) != 1 || !same(got[0], next) {
			t.Errorf("listed are %+v, error %v", got, err)
		}
	})
}

func TestTokens_TheirUseIsStoredOnceAMinute(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		tokens, ada := repositories.NewTokens(db), newUser(t, db, "ada@example.com")
		used, unused := newToken(t, tokens, ada, "1"), newToken(t, tokens, ada, "2")
		begin := time.Now().UTC().Truncate(time.Second)
		for _, step := range []struct{ after, want time.Duration }{
			{0, 0}, {59 * time.Second, 0}, {time.Minute, time.Minute}, {30 * time.Second, time.Minute},
		} {
			if err := tokens.SetUsed(t.Context(), []int64{used.ID, 999}, begin.Add(step.after)); err != nil {
				t.Fatal(err)
			}
			got, err := tokens.Get(t.Context(), ada.ID, used.ID)
			if err != nil || got.LastUsedAt == nil || !got.LastUsedAt.Equal(begin.Add(step.want)) {
				t.Errorf("after %v: %v, error %v", step.after, got.LastUsedAt, err)
			}
		}
		if got, err := tokens.Get(t.Context(), ada.ID, unused.ID); err != nil || got.LastUsedAt != nil {
			t.Errorf("the other one: %v, error %v", got.LastUsedAt, err)
		}
	})
}
