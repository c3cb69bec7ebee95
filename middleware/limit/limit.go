// Package limit limits how often clients may use a route, or a group of routes. It promises
// that
//
//   - all processes that share the counts together let no more pass than Take allows: with
//     repositories/ratelimit that is the limit at once, and up to twice the limit in a period
//     that follows a pause;
//   - a client learns what is left from RateLimit and RateLimit-Policy, as
//     draft-ietf-httpapi-ratelimit-headers-11 defines them, and from Retry-After with 429;
//   - while the counts cannot be reached, requests pass, or get 503 if the rule says so;
//   - a metric counts what passed and what did not, by the rule's name.
//
// For example, with the counts of repositories/ratelimit:
//
//	limits := limit.New(ratelimit.NewRates(client, "myservice:limit:", 150*time.Millisecond).Take, registry, log)
//	app.Get("/search", limits.PerAddress("search", 30, time.Minute), search)
//	app.Post("/invitations", limits.Per(inviter, "invitations", 5, time.Hour, limit.FailClosed), invite)
//
// Mount a limit in front of the cache of responses to count every request, or behind it to
// count only those that reach the handler.
package limit

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// Take counts one request of the key, of which limit may pass in each period. If it passes,
// wait is 0, left is how many more would pass now, and reset is when all would. Otherwise
// wait says when the next one passes.
type Take func(ctx context.Context, key string, limit int, period time.Duration) (
	left int, reset, wait time.Duration, err error)

// Limits makes handlers that limit requests.
type Limits struct {
	take     Take
	requests *prometheus.CounterVec
	log      *slog.Logger
	away     atomic.Bool // the last request was not counted
}

// New returns Limits that count with take. The log gets a warning when an outage of the
// counts begins.
func New(take Take, reg prometheus.Registerer, log *slog.Logger) *Limits {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "prefab_rate_limit_requests_total",
		Help: "Requests to routes with a limit: passed, denied, or uncounted because Redis did not answer.",
	}, []string{"limit", "outcome"})
	reg.MustRegister(requests)
	return &Limits{take: take, requests: requests, log: log}
}

// Option changes what a limit does.
type Option int

// FailClosed answers 503 while the counts cannot be reached. Without it requests pass.
const FailClosed Option = 1

// PerAddress lets each client address, or /64 network of IPv6, make n requests in a
// period. 0 is no limit. The name is in the headers, the metric and the count's key: routes
// with the same name share their counts.
func (l *Limits) PerAddress(name string, n int, period time.Duration, options ...Option) fiber.Handler {
	return l.Per(Address, name, n, period, options...)
}

// Address is the key of the request's client address.
func Address(c *fiber.Ctx) string {
	return "address:" + tracing.Network(tracing.From(c.UserContext()).ClientAddress())
}

var validName = regexp.MustCompile(`^[a-z0-9-]+$`)

// Per is PerAddress with another key: requests with the same key share the n.
func (l *Limits) Per(
	key func(*fiber.Ctx) string, name string, n int, period time.Duration, options ...Option,
) fiber.Handler {
	if !validName.MatchString(name) || n < 0 || period < time.Second || period%time.Second != 0 {
		panic(fmt.Sprintf("limit %q: a name has a-z, 0-9 and -, and a period whole seconds", name))
	}
	if n == 0 {
		return func(c *fiber.Ctx) error { return c.Next() }
	}
	policy := fmt.Sprintf(`"%s";q=%d;w=%d`, name, n, int(period.Seconds()))
	passed, denied, uncounted := l.requests.WithLabelValues(name, "passed"),
		l.requests.WithLabelValues(name, "denied"), l.requests.WithLabelValues(name, "uncounted")
	return func(c *fiber.Ctx) error {
		left, reset, wait, err := l.take(c.UserContext(), name+":"+key(c), n, period)
		if err != nil {
			uncounted.Inc()
			if c.UserContext().Err() == nil && l.away.CompareAndSwap(false, true) { // a client that has left is no outage
				l.log.WarnContext(c.UserContext(), "requests are not counted: limits let them pass, or answer 503", "error", err)
			}
			if slices.Contains(options, FailClosed) {
				return err
			}
			return c.Next()
		}
		if l.away.Load() {
			l.away.Store(false)
		}
		c.Append("RateLimit-Policy", policy)
		if wait > 0 {
			denied.Inc()
			// Retry-After must not be sooner than t, section 6 of the draft.
			c.Append("RateLimit", fmt.Sprintf(`"%s";r=0;t=%d`, name, seconds(wait)))
			return &problem.Error{
				Code: problem.TooMany, Message: "There were too many requests. Please wait a little.", RetryAfter: wait,
			}
		}
		passed.Inc()
		c.Append("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, name, left, seconds(reset)))
		return c.Next()
	}
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
