package repositories_test

import (
	"errors"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func TestCachedTokens_ARevocationHoldsAtOnceInAllProcesses(t *testing.T) {
	db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, devtest.Redis(t))
	process := func() services.TokenStore {
		times := repositories.CacheTimes{TTL: time.Hour, Grace: time.Hour}
		return repositories.NewCachedTokens(repositories.NewTokens(db), newCache(t, client), times)
	}
	one, two := process(), process()
	ada := newUser(t, db, "ada@example.com")
	token := newToken(t, one, ada, "1")
	for name, store := range map[string]services.TokenStore{"one": one, "two": two} {
		if got, err := store.Find(t.Context(), "1"); err != nil || !same(got, token) {
			t.Errorf("process %s: %+v, error %v", name, got, err)
		}
	}
	if err := one.Delete(t.Context(), ada.ID+1, token.ID); !errors.Is(err, services.ErrNoToken) {
		t.Errorf("another user: %v", err)
	}
	if err := one.Delete(t.Context(), ada.ID, token.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Find(t.Context(), "1"); !errors.Is(err, services.ErrNoToken) {
		t.Errorf("in its own process: %v", err)
	}
	devtest.Eventually(t, "the other process refuses it, long before its time is over", func() bool {
		_, err := two.Find(t.Context(), "1")
		return errors.Is(err, services.ErrNoToken)
	})
}

func TestCachedTokens_AreFoundWithoutAQuery(t *testing.T) {
	db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, devtest.Redis(t))
	tokens := repositories.NewCachedTokens(repositories.NewTokens(db), newCache(t, client), repositories.CacheTimes{TTL: time.Hour})
	newToken(t, tokens, newUser(t, db, "ada@example.com"), "1")
	devtest.Eventually(t, "it is cached", func() bool { // the cache may start with an invalidation
		mustExec(t, db, "UPDATE api_tokens SET name = 'import'")
		_, _ = tokens.Find(t.Context(), "1")
		mustExec(t, db, "UPDATE api_tokens SET name = 'changed by SQL'")
		got, err := tokens.Find(t.Context(), "1")
		return err == nil && got.Name == "import"
	})
}
