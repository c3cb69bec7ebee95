package app_test

import (
	"fmt"
	"net/http"
	"path"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// seldom keeps stock waiting until the test is over.
const seldom = "WRITE_BEHIND_INTERVAL=1h"

func (c *client) stock(path string, header ...string) int64 {
	c.s.t.Helper()
	return decode[services.Product](c.get(path, header...).want(http.StatusOK)).Stock
}

func (c *client) setStock(path string, quantity int64) answer {
	c.s.t.Helper()
	return c.send("PUT", path+"/stock", fmt.Sprintf(`{"quantity":%d}`, quantity))
}

// storedStock is what PostgreSQL has; -1 where it has nothing.
func (s *service) storedStock(productPath string) int64 {
	s.t.Helper()
	return s.ids(`SELECT coalesce((SELECT quantity FROM stock WHERE product_id = $1), -1)`, path.Base(productPath))[0]
}

func TestStock_IsStoredWhenABatchIsFull(t *testing.T) {
	s := start(t, seldom, "WRITE_BEHIND_BATCH_SIZE=2")
	admin, path := s.admin(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	admin.setStock(s.product(), 8).want(http.StatusAccepted)
	devtest.Eventually(t, "it is stored", func() bool { return s.storedStock(path) == 7 })
}

func TestStock_IsStoredAtTheEnd(t *testing.T) {
	s := start(t, seldom, "WRITE_BEHIND_MAX_PENDING=1")
	admin, path := s.admin(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	refused := admin.setStock(s.product(), 8)
	if refused.problem(http.StatusServiceUnavailable); refused.header.Get("Retry-After") != "5" {
		t.Errorf("beyond what may wait: %v", refused.header)
	}
	if got := s.storedStock(path); got != -1 {
		t.Errorf("%d is stored at once", got)
	}
	s.stop()
	if got := s.storedStock(path); got != 7 {
		t.Errorf("%d is stored", got)
	}
}

func TestStock_IsTakenWhilePostgresIsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	postgres := devtest.OwnPostgres(t)
	s := startOn(t, postgres.URL, devtest.Redis(t), "WRITE_BEHIND_INTERVAL=1s")
	admin, known, unknown := s.admin(), s.product(), s.product()
	admin.setStock(known, 6).want(http.StatusAccepted)
	s.visitor().stock(known)
	postgres.Stop()
	admin.setStock(known, 7).want(http.StatusAccepted)
	if writer, visitor := admin.stock(known), s.visitor().stock(known); writer != 7 || visitor != 7 {
		t.Errorf("the writer reads %d, a visitor %d", writer, visitor)
	}
	admin.setStock(unknown, 7).want(http.StatusAccepted) // it may be there
	postgres.Start()
	for _, path := range []string{known, unknown} {
		devtest.Eventually(t, "it is stored", func() bool { return s.storedStock(path) == 7 })
		if got := s.visitor().stock(path); got != 7 {
			t.Errorf("the stock is %d", got)
		}
	}
}

func TestStock_IsWrittenThroughToAnImitationOfRedis(t *testing.T) {
	s := startOn(t, devtest.Database(t), "redis://"+miniredis.RunT(t).Addr(), seldom)
	admin, path := s.admin(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	if got := s.storedStock(path); got != 7 {
		t.Errorf("%d is stored", got)
	}
	if got := admin.stock(path); got != 7 {
		t.Errorf("the stock is %d", got)
	}
	health := decode[map[string]any](s.visitor().get("/health").want(http.StatusOK))
	if health["writeBehind"] != "write-through" {
		t.Errorf("/health says %q", health["writeBehind"])
	}
}
