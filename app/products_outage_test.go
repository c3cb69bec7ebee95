package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestPostgresAway_GivesWhatIsHeld(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	postgres := devtest.OwnPostgres(t)
	s := startOn(t, postgres.URL, devtest.Redis(t), "CACHE_TTL=1s", "CACHE_GRACE=1h", "HTTP_CACHE_TTL=1s", "REQUEST_TIMEOUT=4s")
	admin, path := s.admin(), s.product()
	page := strings.TrimPrefix(path, "/api/v1")
	fresh := s.visitor().get(path).want(http.StatusOK)
	for _, page := range []string{"/", page} {
		admin.page(page).want(http.StatusOK)
	}
	postgres.Stop()
	var stale answer
	devtest.Eventually(t, "the value is past its time", func() bool {
		stale = s.visitor().get(path).want(http.StatusOK)
		return stale.cacheStatus() != fresh.cacheStatus() && stale.outcome() != "hit"
	})
	if string(stale.body) != string(fresh.body) {
		t.Errorf("the stale answer is %s", stale.body)
	}
	for _, page := range []string{"/", page} {
		admin.page(page).want(http.StatusOK).shows("Lamp 1", "Sign out")
	}
	s.visitor().get(productsPath + "/count").problem(http.StatusServiceUnavailable) // never read before

	postgres.Start()
	devtest.Eventually(t, "the value is fresh again", func() bool {
		return s.visitor().get(path).want(http.StatusOK).outcome() == "hit"
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
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			a, b := two(t, devtest.Database(t), redis.URL, "CACHE_BUDGET=500ms")
			path, other := a.product(), a.product()
			for _, s := range []*service{a, b} { // in both levels, values and pages
				s.visitor().price(path, sameHost...)
			}
			// The guard needs Redis, so the write has passed it when Redis is lost.
			patched := whileBlocked(a, path, `{"priceCents":4711}`, func() { lose(redis) })
			if patched != http.StatusOK {
				t.Fatalf("the write is answered with %d", patched)
			}
			readAll([]*service{a, b}, path, other, productsPath)

			devtest.Eventually(t, "both give the new price while Redis is down", func() bool {
				return a.visitor().price(path, sameHost...) == 4711 && b.visitor().price(path, sameHost...) == 4711
			})
			redis.Start()
			devtest.Eventually(t, "one instance finds the other one's page in Redis", func() bool {
				path := a.product()
				a.visitor().get(path, sameHost...).want(http.StatusOK)
				return b.visitor().get(path, sameHost...).want(http.StatusOK).outcome() == "hit"
			})
			for _, s := range []*service{a, b} {
				if got := s.visitor().price(path, sameHost...); got != 4711 {
					t.Errorf("the price is %d after the recovery", got)
				}
			}
		})
	}
}

// readAll reads the paths again and again, past the HTTP cache too. All must be answered.
func readAll(instances []*service, paths ...string) {
	for n := range 10 {
		for _, s := range instances {
			s.t.Helper()
			for _, path := range append(paths, s.product()) { // one is always cold
				header := sameHost
				if n%2 == 1 {
					header = append(header, "Authorization", "x")
				}
				s.visitor().get(path, header...).want(http.StatusOK)
			}
		}
	}
}
