package app_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

func TestPostgresAway_GivesWhatIsHeld(t *testing.T) {
	postgres := devtest.OwnPostgres(t)
	s := startOn(t, postgres.URL, redisOf(t), "CACHE_TTL=1s", "CACHE_GRACE=1h", "HTTP_CACHE_TTL=1s", "REQUEST_TIMEOUT=2s")
	path := s.product()
	fresh := s.visitor().get(path).want(http.StatusOK)
	postgres.Stop()
	var stale answer
	devtest.Eventually(t, "the value is past its time", func() bool {
		stale = s.visitor().get(path).want(http.StatusOK)
		return stale.cacheStatus() != fresh.cacheStatus() && stale.outcome() != "hit"
	})
	if string(stale.body) != string(fresh.body) {
		t.Errorf("the stale answer is %s", stale.body)
	}
	t.Log(stale.cacheStatus())
	s.visitor().get(productsPath).problem(http.StatusServiceUnavailable) // never read before

	back(postgres)
	devtest.Eventually(t, "the value is fresh again", func() bool {
		return s.visitor().get(path).want(http.StatusOK).outcome() == "hit"
	})
}

// awaitSharedPages waits until the instances share pages through Redis again.
func awaitSharedPages(t *testing.T, a, b *service) {
	t.Helper()
	devtest.Eventually(t, "one instance finds the other one's page in Redis", func() bool {
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
	devtest.Eventually(s.t, "the write waits for its lock", func() bool {
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

			devtest.Eventually(t, "both give the new price while Redis is away", func() bool {
				return a.visitor().price(path, sameHost...) == 4711 && b.visitor().price(path, sameHost...) == 4711
			})
			back(redis)
			begin := time.Now()
			awaitSharedPages(t, a, b)
			t.Logf("recovered after %v", time.Since(begin))
			for _, s := range []*service{a, b} {
				if got := s.visitor().price(path, sameHost...); got != 4711 {
					t.Errorf("the price is %d after the recovery", got)
				}
			}
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
	devtest.Eventually(t, "the line is well again", func() bool { return admin.get(sessionPath).status == http.StatusOK })
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

func TestPages_GoOnWithoutRedisAndPostgres(t *testing.T) {
	t.Parallel()
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, postgres := devtest.OwnRedis(t), devtest.OwnPostgres(t)
			s := startOn(t, postgres.URL, redis.URL)
			admin, product := s.admin(), s.productPage()
			for _, path := range []string{"/", product} {
				admin.page(path).want(http.StatusOK)
				s.visitor().page(path).want(http.StatusOK)
			}
			lose(postgres)
			for _, path := range []string{"/", product} {
				s.visitor().page(path).want(http.StatusOK).shows("Lamp 1")
				admin.page(path).want(http.StatusOK).shows("Lamp 1", "Sign out")
			}
			back(postgres)
			devtest.Eventually(t, "PostgreSQL is found again", func() bool { return admin.page(product+"/edit").status == http.StatusOK })
			lose(redis)
			for _, path := range []string{"/", product} {
				admin.page(path).want(http.StatusOK).shows("Lamp 1", "Sign in")
			}
			for _, got := range []answer{
				admin.page(product + "/edit"),
				admin.post(product+"/reviews", "rating", "1", "body", "x"),
				admin.post(product+"/stock", "quantity", "1"),
				admin.post("/logout"),
				s.visitor().post("/login", "email", "ada"+emailDomain, "password", password),
			} {
				got.want(http.StatusServiceUnavailable).shows(problem.ErrUnavailable.Message)
			}
		})
	}
}
