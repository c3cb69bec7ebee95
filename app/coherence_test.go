package app_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// two runs two instances of the program on the same servers.
func two(t *testing.T, databaseURL, redisURL string, settings ...string) (a, b *service) {
	t.Helper()
	a = startOn(t, databaseURL, redisURL, settings...)
	b = startOn(t, databaseURL, redisURL, settings...)
	return a, b
}

// at returns the client's browser, pointed at another instance: cookies do not
// know of ports.
func (c *client) at(s *service) *client { return &client{s: s, http: c.http} }

func (c *client) price(path string, header ...string) int64 {
	c.s.t.Helper()
	return decode[services.Product](c.get(path, header...).want(http.StatusOK)).PriceCents
}

// cacheStatus tells where the page was, or why it was not.
func (a answer) cacheStatus() string { return a.header.Get("Cache-Status") }

// outcome is what the cache did: "hit", "stored" or "forwarded".
func (a answer) outcome() string {
	switch {
	case strings.Contains(a.cacheStatus(), "; hit;"):
		return "hit"
	case strings.Contains(a.cacheStatus(), "; stored"):
		return "stored"
	}
	return "forwarded"
}

func TestTwoInstances_FollowEachOthersWritesAtOnce(t *testing.T) {
	redis := devtest.OwnRedis(t)
	a, b := two(t, devtest.Database(t), redis.URL)
	admin, path := a.admin(), a.product()
	stale := make([]time.Duration, 0, 100)
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
		eventually(t, "the other instance gives the new price", func() bool {
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
	eventually(t, "the new product is there", func() bool {
		return count(b) == 4 && first(b).Name == "New" && b.visitor().get(path).status == http.StatusOK
	})
	admin.send("PATCH", path, `{"name":"Newer"}`).want(http.StatusOK)
	eventually(t, "the new name is there", func() bool { return first(b).Name == "Newer" })
	b.visitor().get(path).want(http.StatusOK)
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	eventually(t, "the deleted product is gone", func() bool {
		return count(b) == 3 && first(b).Name == "Lamp 3" && b.visitor().get(path).status == http.StatusNotFound
	})
}

func TestTwoInstances_StockAndReviewsReachTheProductsPage(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t))
	admin, path := a.admin(), a.product()
	shown := func() services.Product { return decode[services.Product](b.visitor().get(path).want(http.StatusOK)) }
	shown()
	admin.send("PUT", path+"/stock", `{"quantity":7}`).want(http.StatusAccepted)
	eventually(t, "the stock is there", func() bool { return shown().Stock == 7 })
	admin.send("POST", path+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	eventually(t, "the review is there", func() bool { return len(shown().Reviews) == 1 && shown().Rating.Average == 4 })
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

func TestUpdate_InvalidatesListsByAnyFieldTheyShow(t *testing.T) {
	s := start(t)
	admin, path, other := s.admin(), s.product(), s.category("Lamps")
	for _, change := range []string{`{"name":"Newer"}`, `{"priceCents":5}`, fmt.Sprintf(`{"categoryId":%d}`, other)} {
		s.visitor().get(productsPath)
		if list := s.visitor().get(productsPath); list.outcome() != "hit" {
			t.Fatalf("before %s the list is %q", change, list.cacheStatus())
		}
		admin.send("PATCH", path, change).want(http.StatusOK)
		if list := s.visitor().get(productsPath); list.outcome() == "hit" {
			t.Errorf("after %s the list is %q", change, list.cacheStatus())
		}
	}
}

func TestList_IsKeptForWhateverItReadsButNotForIDs(t *testing.T) {
	s := start(t)
	lamps := s.category("Lamps")
	first := s.products(lamps, 3)[0]
	next := decode[productPage](s.visitor().get(productsPath + "?limit=1").want(http.StatusOK)).NextCursor
	for query, want := range map[string]string{
		"": "hit", "?limit=1": "hit", "?limit=1&after=" + next: "hit", fmt.Sprintf("?category=%d", lamps): "hit",
		fmt.Sprintf("?ids=%d", first): "forwarded", "?utm_source=mail": "forwarded",
	} {
		s.visitor().get(productsPath + query)
		if got := s.visitor().get(productsPath + query); got.outcome() != want {
			t.Errorf("%q is %q, want %s", query, got.cacheStatus(), want)
		}
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

func TestProduct_ReadsTheSameFromEveryLevel(t *testing.T) {
	a, b := two(t, devtest.Database(t), redisOf(t))
	admin, path := a.admin(), a.product()
	admin.send("POST", path+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	stored := a.visitor().get(path, sameHost...).want(http.StatusOK)
	inMemory, inRedis := a.visitor().get(path, sameHost...), b.visitor().get(path, sameHost...)
	if !strings.HasSuffix(inMemory.cacheStatus(), "detail=memory") || !strings.HasSuffix(inRedis.cacheStatus(), "detail=redis") {
		t.Errorf("the pages are %q and %q", inMemory.cacheStatus(), inRedis.cacheStatus())
	}
	for level, got := range map[string]answer{
		"the page in memory":  inMemory,
		"the page in Redis":   inRedis,
		"the value in memory": a.visitor().get(path, "Authorization", "x"),
		"the value in Redis":  b.visitor().get(path, "Authorization", "x"),
	} {
		if string(got.body) != string(stored.body) || got.header.Get("ETag") != stored.header.Get("ETag") {
			t.Errorf("%s differs:\n%s\n%s", level, got.body, stored.body)
		}
	}
}

func TestPostgresAway_GivesWhatIsHeld(t *testing.T) {
	postgres := devtest.OwnPostgres(t)
	s := startOn(t, postgres.URL, redisOf(t), "CACHE_TTL=1s", "CACHE_GRACE=1h", "HTTP_CACHE_TTL=1s", "REQUEST_TIMEOUT=2s")
	path := s.product()
	fresh := s.visitor().get(path).want(http.StatusOK)
	postgres.Stop()
	var stale answer
	eventually(t, "the value is past its time", func() bool {
		stale = s.visitor().get(path).want(http.StatusOK)
		return stale.cacheStatus() != fresh.cacheStatus() && stale.outcome() != "hit"
	})
	if string(stale.body) != string(fresh.body) {
		t.Errorf("the stale answer is %s", stale.body)
	}
	t.Log(stale.cacheStatus())
	s.visitor().get(productsPath).problem(http.StatusServiceUnavailable) // never read before

	back(postgres)
	eventually(t, "the value is fresh again", func() bool {
		return s.visitor().get(path).want(http.StatusOK).outcome() == "hit"
	})
}

// sameHost is what clients of all instances ask for behind a balancer; a page is
// of one host. It is for visitors: a browser's cookies are of another host.
var sameHost = []string{"Host", "shop.example"}

// trusting waits until the instances share pages through Redis again.
func trusting(t *testing.T, a, b *service) {
	t.Helper()
	eventually(t, "one instance finds the other one's page in Redis", func() bool {
		path := a.product()
		a.visitor().get(path, sameHost...).want(http.StatusOK)
		return b.visitor().get(path, sameHost...).want(http.StatusOK).outcome() == "hit"
	})
}

// whileBlocked sends a PATCH of an admin, calls do once PostgreSQL is at work on
// it, and returns the answer's status.
func whileBlocked(s *service, path, body string, do func()) int {
	s.t.Helper()
	admin := s.admin()
	tx, err := s.db.BeginTxx(context.Background(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := tx.Exec("SELECT FROM products FOR UPDATE"); err != nil {
		s.t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		status := 0
		defer func() { answered <- status }() // even where send ends the test
		status = admin.send("PATCH", path, body).status
	}()
	eventually(s.t, "the write waits for its lock", func() bool {
		return len(s.ids("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")) > 0
	})
	do()
	if err := tx.Commit(); err != nil {
		s.t.Fatal(err)
	}
	return <-answered
}

func TestRedisAway_PagesGoOnAndNothingIsStaleAfterwards(t *testing.T) {
	t.Parallel()
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			a, b := two(t, devtest.Database(t), redis.URL)
			path, other := a.product(), a.product()
			for _, s := range []*service{a, b} { // in both levels, values and pages
				s.visitor().price(path, sameHost...)
			}
			// The guard needs Redis, so the write has passed it when Redis is lost.
			patched := whileBlocked(a, path, `{"priceCents":4711}`, func() { lose(redis) })
			if patched != http.StatusOK {
				t.Fatalf("the write is answered with %d", patched)
			}
			readAll(t, []*service{a, b}, path, other, productsPath)

			eventually(t, "both give the new price while Redis is away", func() bool {
				return a.visitor().price(path, sameHost...) == 4711 && b.visitor().price(path, sameHost...) == 4711
			})
			back(redis)
			begin := time.Now()
			trusting(t, a, b)
			t.Logf("recovered after %v", time.Since(begin))
			for _, s := range []*service{a, b} {
				if got := s.visitor().price(path, sameHost...); got != 4711 {
					t.Errorf("the price is %d after the recovery", got)
				}
			}
		})
	}
}

func TestRedisSlow_CostsAtMostTheBudget(t *testing.T) {
	for _, delay := range []time.Duration{20 * time.Millisecond, 60 * time.Millisecond, 400 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			slow := devtest.Slow(t, devtest.Redis(t))
			a, b := two(t, devtest.Database(t), slow.URL)
			path := a.product()
			a.visitor().price(path, sameHost...)
			slow.Delay(delay)
			readAll(t, []*service{a, b}, path, a.product(), productsPath)
			slow.Delay(0)
			trusting(t, a, b)
		})
	}
}

// readAll reads the paths again and again, past the HTTP cache too. All must be
// answered; the times are told.
func readAll(t *testing.T, instances []*service, paths ...string) {
	t.Helper()
	var took []time.Duration
	for n := range 30 {
		for _, s := range instances {
			for _, path := range append(paths, s.product()) { // one is always cold
				header := sameHost
				if n%2 == 1 {
					header = append(header, "Authorization", "x")
				}
				begin := time.Now()
				s.visitor().get(path, header...).want(http.StatusOK)
				took = append(took, time.Since(begin))
			}
		}
	}
	slices.Sort(took)
	t.Logf("p50 %v, p99 %v, longest %v", took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// A writer's way to Redis is slow, or broken by the end of its write. The other
// instance follows within the time that docs/caching.md promises.
func TestTwoInstances_FollowWritesHoweverSlowRedisIsForTheWriter(t *testing.T) {
	t.Parallel()
	redis, database := devtest.Redis(t), devtest.Database(t)
	line := devtest.Slow(t, redis)
	a, b := startOn(t, database, line.URL), startOn(t, database, redis)
	admin, path := a.signedIn("eve", services.Admin), a.product()
	follows := func(price int64) {
		t.Helper()
		var last time.Duration
		for written := time.Now(); time.Since(written) < 4*time.Second; time.Sleep(10 * time.Millisecond) {
			for _, header := range [][]string{sameHost, pastPages} {
				if asked := time.Since(written); b.visitor().price(path, header...) != price {
					last = asked
				}
			}
		}
		t.Logf("the last older price is given %v after the write", last)
		if last > 3*time.Second {
			t.Errorf("the older price is given %v after the write", last)
		}
	}
	b.visitor().price(path, sameHost...)
	line.Delay(100 * time.Millisecond) // each way: more than the cache's budget
	for price := range int64(2) {
		admin.send("PATCH", path, fmt.Sprintf(`{"priceCents":%d}`, price)).want(http.StatusOK)
		follows(price)
	}
	line.Delay(0)
	eventually(t, "the line is well again", func() bool { return admin.get(sessionPath).status == http.StatusOK })
	patched := whileBlocked(a, path, `{"priceCents":4711}`, func() {
		line.Hang(devtest.ToServer, true)
		line.Hang(devtest.ToClient, true)
	})
	if patched != http.StatusOK {
		t.Errorf("the write is answered with %d", patched)
	}
	follows(4711)
	line.Hang(devtest.ToServer, false)
	line.Hang(devtest.ToClient, false)
	follows(4711)
}
