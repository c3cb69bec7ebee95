package middleware_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/middleware"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/limit"
	"example.com/prefab/services"
)

// countingLimits return limits, and what they count, by key.
func countingLimits() (middleware.Limits, map[string]int) {
	counts := make(map[string]int)
	take := func(_ context.Context, key string, n int, _ time.Duration) (int, time.Duration, time.Duration, error) {
		counts[key]++
		return n - counts[key], time.Second, 0, nil
	}
	return middleware.Limits{Limits: limit.New(take, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))}, counts
}

func TestPerUser_CountsUsersAndElseAddresses(t *testing.T) {
	limits, counts := countingLimits()
	app := fibertest.New()
	app.Use(func(c *fiber.Ctx) error {
		if id := c.QueryInt("user"); id != 0 {
			c.SetUserContext(services.WithUser(c.UserContext(), services.User{ID: int64(id)}))
		}
		return c.Next()
	})
	app.Get("/", limits.PerUser("reports", 9, time.Minute), fibertest.OK)
	for _, path := range []string{"/?user=7", "/?user=7", "/?user=8", "/"} {
		fibertest.Send(t, app, "GET", path)
	}
	if len(counts) != 3 || counts["reports:user:7"] != 2 || counts["reports:user:8"] != 1 {
		t.Errorf("the counts are %v", counts)
	}
}

// onePage is a httpcache.Store of one page.
type onePage struct{ page *httpcache.Page }

func (s *onePage) Find(context.Context, string, []string) (*httpcache.Page, string, func(*httpcache.Page, time.Duration)) {
	if s.page != nil {
		return s.page, "memory", nil
	}
	return nil, "", func(page *httpcache.Page, _ time.Duration) { s.page = page }
}

func TestLimits_LetPagesBeCachedWithoutOneClientsCount(t *testing.T) {
	for place, behind := range map[string]bool{"in front of the cache": false, "behind it": true} {
		t.Run(place, func(t *testing.T) {
			limits, _ := countingLimits()
			pages := new(onePage)
			handlers := []fiber.Handler{
				limits.PerAddress("reports", 9, time.Minute),
				httpcache.New(httpcache.Config{Store: pages, TTL: time.Minute}).Route(httpcache.RouteConfig{}),
			}
			if behind {
				handlers[0], handlers[1] = handlers[1], handlers[0]
			}
			app := fibertest.New()
			app.Get("/", append(handlers, fibertest.OK)...)
			first, _ := fibertest.Send(t, app, "GET", "/")
			second, body := fibertest.Send(t, app, "GET", "/")
			if got := first.Header.Get("RateLimit"); got != `"reports";r=8;t=1` {
				t.Errorf("the first answer has RateLimit: %s", got)
			}
			if status := second.Header.Get("Cache-Status"); !strings.Contains(status, "hit") || body != "ok" {
				t.Errorf("the second answer is not from the cache: %s", status)
			}
			want := `"reports";r=7;t=1`
			if behind {
				want = ""
			}
			if got := second.Header.Get("RateLimit"); got != want {
				t.Errorf("the second answer has RateLimit: %s, want %s", got, want)
			}
			for name := range pages.page.Fields {
				if strings.HasPrefix(strings.ToLower(name), "ratelimit") {
					t.Errorf("%s is stored", name)
				}
			}
		})
	}
}
