package app_test

import (
	"net/http"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"example.com/prefab/app/devservices/devtest"
)

func TestStock_WrittenThroughIsNoLongerCached(t *testing.T) {
	s := startOn(t, devtest.Database(t), "redis://"+miniredis.RunT(t).Addr(), seldom)
	admin, path := s.admin(), s.product()
	for quantity := range int64(3) {
		s.visitor().stock(path) // in memory, and in the HTTP cache
		admin.setStock(path, quantity+1).want(http.StatusAccepted)
		if got := s.visitor().stock(path); got != quantity+1 {
			t.Errorf("the stock is %d, want %d", got, quantity+1)
		}
	}
}

// How writes are taken is known, and in the log, before the first one comes.
func TestStock_HowItIsTakenIsAskedAtTheStart(t *testing.T) {
	s := start(t, seldom)
	health := decode[map[string]any](s.visitor().get("/health").want(http.StatusOK))
	if health["writeBehind"] != "buffered" {
		t.Errorf("/health says %q", health["writeBehind"])
	}
}

func TestStock_IsStoredByOneProcessOfAll(t *testing.T) {
	s := start(t, "WRITE_BEHIND_INTERVAL=1s")
	eventually(t, "the others know that it is done", func() bool {
		return s.redis.Exists(t.Context(), "prefab:job:{flush-stock}:done").Val() == 1
	})
}
