package app_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestStock_CountsEverywhereBeforeItIsStored(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t), seldom)
	admin, path := a.admin(), a.product()
	stale := make([]time.Duration, 0, 20)
	for n := range int64(cap(stale)) {
		b.visitor().stock(path) // held by b in memory, in the HTTP cache too
		admin.setStock(path, n).want(http.StatusAccepted)
		written := time.Now()
		if got := admin.at(b).stock(path); got != n {
			t.Errorf("write %d: its own session reads %d at the other instance", n, got)
		}
		if got := a.visitor().stock(path); got != n {
			t.Errorf("write %d: its own instance gives %d", n, got)
		}
		var last time.Duration
		devtest.Eventually(t, "the other instance gives the new stock", func() bool {
			asked := time.Since(written)
			if b.visitor().stock(path) == n {
				return true
			}
			last = asked
			return false
		})
		stale = append(stale, last)
	}
	slices.Sort(stale)
	t.Logf("the last stale answer after a write, p50 %v, p99 %v", stale[len(stale)/2], stale[len(stale)*99/100])
	batch := decode[productBatch](b.visitor().get(productsPath + "?ids=" + path[len(productsPath)+1:]).want(http.StatusOK))
	if got := batch.Items[0].Stock; got != 19 {
		t.Errorf("a batch gives %d", got)
	}
	if p := decode[services.Product](admin.send("PATCH", path, `{"name":"New"}`).want(http.StatusOK)); p.Stock != 19 {
		t.Errorf("an edit gives %d", p.Stock)
	}
	if got := a.storedStock(path); got != -1 {
		t.Errorf("%d is stored: the test shows nothing", got)
	}
}

func TestStock_IsStoredAtTheEnd(t *testing.T) {
	s := start(t, seldom)
	path := s.product()
	s.admin().setStock(path, 7).want(http.StatusAccepted)
	s.stop()
	if got := s.storedStock(path); got != 7 {
		t.Errorf("%d is stored", got)
	}
}

func TestStock_BeyondWhatMayWaitIsRefused(t *testing.T) {
	s := start(t, seldom, "WRITE_BEHIND_MAX_PENDING=1")
	admin, path, other := s.admin(), s.product(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	refused := admin.setStock(other, 8)
	refused.problem(http.StatusServiceUnavailable)
	if refused.header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
	admin.setStock(path, 9).want(http.StatusAccepted)
	if got, other := admin.stock(path), admin.stock(other); got != 9 || other != 0 {
		t.Errorf("the stocks are %d and %d", got, other)
	}
}

func TestStock_IsTakenWhilePostgresIsAway(t *testing.T) {
	postgres := devtest.OwnPostgres(t)
	s := startOn(t, postgres.URL, redisOf(t), "WRITE_BEHIND_INTERVAL=1s")
	admin, known, unknown := s.admin(), s.product(), s.product()
	admin.setStock(known, 6).want(http.StatusAccepted)
	s.visitor().stock(known)
	postgres.Stop()
	admin.setStock(known, 7).want(http.StatusAccepted)
	if writer, visitor := admin.stock(known), s.visitor().stock(known); writer != 7 || visitor != 7 {
		t.Errorf("the writer reads %d, a visitor %d", writer, visitor)
	}
	admin.setStock(unknown, 7).want(http.StatusAccepted) // it may be there
	back(postgres)
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

// Whether a product is there is remembered, but no longer than it is true.
func TestStock_IsForProductsThatAreThere(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t))
	admin := a.admin()
	a.category("Lamps")
	next := productsPath + "/1"
	admin.setStock(next, 7).problem(http.StatusNotFound)
	admin.send("POST", productsPath, `{"name":"New","priceCents":1,"categoryId":1}`).want(http.StatusCreated)
	admin.setStock(next, 7).want(http.StatusAccepted)
	devtest.Eventually(t, "the other instance knows it", func() bool {
		return admin.at(b).setStock(next, 8).status == http.StatusAccepted
	})
	admin.send("DELETE", next, "").want(http.StatusNoContent)
	admin.setStock(next, 9).problem(http.StatusNotFound)
	devtest.Eventually(t, "the other instance knows that it is gone", func() bool {
		return admin.at(b).setStock(next, 9).status == http.StatusNotFound
	})
}

func TestStock_ThatWaitsIsInAnExport(t *testing.T) {
	s := start(t, seldom)
	admin, path := s.admin(), s.product()
	admin.setStock(path, 7).want(http.StatusAccepted)
	body := string(admin.get(productsPath + "/export?format=ndjson").want(http.StatusOK).body)
	if !strings.Contains(body, `"stock":7,`) {
		t.Errorf("got %s", body)
	}
}

// The product itself stays cached, and what waits is known to the buffer.
func TestStock_AChangeCostsItsReadersNoSQL(t *testing.T) {
	s := start(t, seldom, "CACHE_BUDGET=5s")
	admin, path := s.admin(), s.product()
	s.visitor().get(path).want(http.StatusOK)
	admin.setStock(path, 7).want(http.StatusAccepted)
	answer := s.visitor().get(path).want(http.StatusOK).queries(0)
	if got := decode[services.Product](answer).Stock; got != 7 {
		t.Errorf("the stock is %d", got)
	}
}

func TestStock_IsStoredByOneProcessOfAll(t *testing.T) {
	s := start(t, "WRITE_BEHIND_INTERVAL=1s")
	devtest.Eventually(t, "the others know that it is done", func() bool {
		return s.redis.Exists(t.Context(), "prefab:job:{flush-stock}:done").Val() == 1
	})
}
