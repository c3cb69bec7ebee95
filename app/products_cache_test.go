package app_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// pastPages is the header of a visitor's request that no finished page answers.
var pastPages = []string{"Authorization", "x"}

// usesRedis waits until what the service reads is kept in Redis: a machine that is
// busy may make it look slow at first, and then the service does without it.
func (s *service) usesRedis() {
	s.t.Helper()
	devtest.Eventually(s.t, "the cache uses Redis", func() bool {
		s.visitor().get(productsPath + "/12345").problem(http.StatusNotFound)
		return len(s.keys("prefab:cache:{product:12345}:e:product:*")) == 1
	})
}

func TestSettings_HowLongRedisKeepsWhat(t *testing.T) {
	s := start(t, "CACHE_TTL=2h", "CACHE_GRACE=3h", "CACHE_ABSENT_TTL=40m", "HTTP_CACHE_TTL=20m")
	s.usesRedis()
	// Nothing is there yet, so that the first list and count are empty.
	s.visitor().get(productsPath).want(http.StatusOK)
	s.visitor().get(productsPath + "/count").want(http.StatusOK)
	s.visitor().get(productsPath + "/999").problem(http.StatusNotFound)
	s.visitor().get(s.product()).want(http.StatusOK)
	for pattern, most := range map[string]time.Duration{
		"product:1":        5 * time.Hour, // the grace included
		"product:999":      40 * time.Minute,
		"products:list:*":  40 * time.Minute,
		"products:count:*": 40 * time.Minute,
		"page:*":           20 * time.Minute,
	} {
		var left time.Duration
		for _, key := range s.keys("prefab:cache:{*}:e:" + pattern) {
			left = max(left, s.redis.PTTL(t.Context(), key).Val())
		}
		if left > most || left < most*17/20 { // up to a tenth is taken off, so that not all end at once
			t.Errorf("%s is kept for %v, want %v", pattern, left, most)
		}
	}
}

func TestSettings_WithoutValuesPagesAreStillInvalidated(t *testing.T) {
	s := start(t, "CACHE_TTL=0", "HTTP_CACHE_TTL=1h")
	admin, path := s.admin(), s.product()
	devtest.Eventually(t, "the page is kept", func() bool { return s.visitor().get(path).outcome() == "hit" })
	admin.send("PATCH", path, `{"priceCents":4711}`).want(http.StatusOK)
	if got := s.visitor().price(path); got != 4711 {
		t.Errorf("the page has the price %d", got)
	}
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	s.visitor().get(path).problem(http.StatusNotFound)
}

func (c *client) price(path string, header ...string) int64 {
	c.s.t.Helper()
	return decode[services.Product](c.get(path, header...).want(http.StatusOK)).PriceCents
}

func TestTwoInstances_FollowEachOthersWritesAtOnce(t *testing.T) {
	redis := devtest.OwnRedis(t)
	a, b := two(t, devtest.Database(t), redis.URL)
	admin, path := a.admin(), a.product()
	stale := make([]time.Duration, 0, 40)
	for n := range int64(cap(stale)) {
		if n%10 == 5 { // news must not depend on a connection that lasts
			a.redis.ClientKillByFilter(t.Context(), "TYPE", "pubsub")
		}
		b.visitor().price(path, sameHost...) // held by b in memory, in the HTTP cache too
		admin.send("PATCH", path, fmt.Sprintf(`{"priceCents":%d}`, n)).want(http.StatusOK)
		written := time.Now()
		if got := admin.at(b).price(path); got != n {
			t.Errorf("write %d: its own session reads %d at the other instance", n, got)
		}
		if got := a.visitor().price(path, sameHost...); got != n {
			t.Errorf("write %d: its own instance gives %d", n, got)
		}
		var last time.Duration // since the write, of the last stale answer
		devtest.Eventually(t, "the other instance gives the new price", func() bool {
			asked := time.Since(written)
			if b.visitor().price(path, sameHost...) == n {
				return true
			}
			last = asked
			return false
		})
		stale = append(stale, last)
	}
	slices.Sort(stale)
	t.Logf("the last stale answer after a write, p50 %v, p99 %v", stale[len(stale)/2], stale[len(stale)*99/100])
}

func TestTwoInstances_ListsAndCountFollowToo(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t))
	admin, lamps := a.admin(), a.category("Lamps")
	a.products(lamps, 3)
	count := func(s *service) int64 {
		return decode[struct{ Active int64 }](s.visitor().get(productsPath + "/count").want(http.StatusOK)).Active
	}
	first := func(s *service) services.ProductSummary {
		return decode[productPage](s.visitor().get(productsPath).want(http.StatusOK)).Items[0]
	}
	if count(b) != 3 || first(b).Name != "Lamp 3" {
		t.Fatalf("%d products, the first is %+v", count(b), first(b))
	}
	body := fmt.Sprintf(`{"name":"New","priceCents":1,"categoryId":%d}`, lamps)
	b.visitor().get(productsPath + "/4").problem(http.StatusNotFound) // which is kept for a while, too
	created := decode[services.Product](admin.send("POST", productsPath, body).want(http.StatusCreated))
	path := fmt.Sprintf("%s/%d", productsPath, created.ID)
	devtest.Eventually(t, "the new product is there", func() bool {
		return count(b) == 4 && first(b).Name == "New" && b.visitor().get(path).status == http.StatusOK
	})
	admin.send("PATCH", path, `{"name":"Newer"}`).want(http.StatusOK)
	devtest.Eventually(t, "the new name is there", func() bool { return first(b).Name == "Newer" })
	b.visitor().get(path).want(http.StatusOK)
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	devtest.Eventually(t, "the deleted product is gone", func() bool {
		return count(b) == 3 && first(b).Name == "Lamp 3" && b.visitor().get(path).status == http.StatusNotFound
	})
}

// An edit of what lists do not show leaves the lists where they are.
func TestUpdate_InvalidatesWhatItChangesAndNoMore(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	warm := func() (list, count answer) {
		return s.visitor().get(productsPath), s.visitor().get(productsPath + "/count")
	}
	warm()
	admin.send("PATCH", path, `{"description":"Dim."}`).want(http.StatusOK)
	if list, count := warm(); list.outcome() != "hit" || count.outcome() != "hit" {
		t.Errorf("a new description: the list is %q, the count %q", list.cacheStatus(), count.cacheStatus())
	}
	admin.send("PATCH", path, `{"priceCents":5}`).want(http.StatusOK)
	if list, count := warm(); list.outcome() == "hit" || count.outcome() != "hit" {
		t.Errorf("a new price: the list is %q, the count %q", list.cacheStatus(), count.cacheStatus())
	}
}

func TestColdReads_OfOneProductAreOneLoad(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t), "CACHE_BUDGET=5s") // however slow the machine
	path, instances := a.product(), []*service{a, b}
	clients := []*client{a.visitor(), b.visitor()}
	a.transport.MaxIdleConnsPerHost, b.transport.MaxIdleConnsPerHost = 100, 100
	statuses := together(t, 200, func(i int) int { return clients[i%2].get(path).status })
	if statuses[http.StatusOK] != 200 {
		t.Errorf("statuses %v", statuses)
	}
	var queries float64
	for _, s := range instances {
		for _, line := range s.log.lines(t) {
			if n, ok := line["queries"].(float64); ok {
				queries += n
			}
		}
	}
	if queries != 1 {
		t.Errorf("%v queries, want the one of one load", queries)
	}
}

func TestCachedReads_TakeNoSQL(t *testing.T) {
	s := start(t, "CACHE_BUDGET=5s")
	path := s.product()
	for _, path := range []string{path, productsPath, productsPath + "/count"} {
		s.visitor().get(path).want(http.StatusOK)
		s.visitor().get(path).want(http.StatusOK).queries(0)
		// Past the HTTP cache, the two-level one.
		s.visitor().get(path, "Cache-Control", "no-cache").want(http.StatusOK).queries(0)
		s.visitor().get(path, "Authorization", "Bearer x").want(http.StatusOK).queries(0)
	}
}

// sameHost is what clients of all instances ask for behind a balancer; a page is
// of one host. It is for visitors: a browser's cookies are of another host.
var sameHost = []string{"Host", "shop.example"}

// changeElsewhere changes a product's price as another instance does whose news
// has not come yet.
func (s *service) changeElsewhere(productPath string, price int64) {
	s.t.Helper()
	id := path.Base(productPath)
	s.exec("UPDATE products SET price_cents = $1 WHERE id = $2", price, id)
	if n := s.redis.Del(s.t.Context(), "prefab:cache:{product:"+id+"}:g").Val(); n != 1 {
		s.t.Fatal("the product was not cached")
	}
}

func TestRecentWrite_ItsSessionReadsPastTheProcessMemory(t *testing.T) {
	s := start(t)
	shown, other := s.product(), s.product()
	member := s.member()
	old := s.visitor().price(shown)
	s.changeElsewhere(shown, 4711)
	if got := s.visitor().price(shown); got != old {
		t.Fatalf("a visitor reads %d: the test shows nothing", got)
	}
	if got := member.price(shown); got != old {
		t.Errorf("a session that has not written reads %d, past memory", got)
	}
	member.send("POST", other+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	if got := member.price(shown); got != 4711 {
		t.Errorf("after a write the session reads %d, want 4711", got)
	}
}
