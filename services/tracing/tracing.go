// Package tracing carries the facts about one request, or one run of a job, from the handler
// to the driver. Every method works without a Trace, so no caller has to check for one.
//
//	ctx = tracing.With(ctx, &tracing.Trace{ID: tracing.NewID(), Route: "GET /lamps/:id", Start: time.Now()})
//	lamp, err := lamps.Get(ctx, id) // below, the driver calls tracing.From(ctx).CountQuery()
//	log.InfoContext(ctx, "request", "queries", tracing.From(ctx).Queries())
package tracing

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Trace belongs to one request, or one run of a job. It names the caller in every log line
// and counts the queries. A nil Trace is valid and counts nothing.
type Trace struct {
	ID      string     // the request id
	Parent  Parent     // of the caller's trace, if the request has a traceparent
	Route   string     // the route's pattern, such as "GET /api/v1/products/:id", or a job's name; see SetRoute
	Start   time.Time  // when the call began
	Address netip.Addr // the client's IP address, for limits; personal, so never logged
	Fresh   bool       // reads use a value in memory only if Redis confirms it, since others may have just changed it
	// MakesPage says that the response will be cached: like Fresh, but accepts values marked stale.
	MakesPage bool

	route   atomic.Pointer[string] // Route, for other goroutines
	queries atomic.Int64
	reads   atomic.Uint64
	stale   atomic.Bool
	private atomic.Bool
	waited  atomic.Int64 // nanoseconds
	once    sync.Once
	memo    any

	recording *recording // nil: no spans are recorded
	events    *Events    // nil: not in development
}

// NewID returns 32 hexadecimal digits, the form of a trace id in W3C's Trace
// Context. It is new, but not secret.
func NewID() string {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // not secret
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // not secret
	return hex.EncodeToString(id[:])
}

type traceKey struct{}

// With returns a context that carries t.
func With(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// From returns the Trace that ctx carries, or nil.
func From(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// SetRoute sets the Route of a call that other goroutines may look at. The name must not
// change any more.
func (t *Trace) SetRoute(name *string) {
	if t != nil {
		t.Route = *name
		t.route.Store(name)
	}
}

// RouteNow is the Route that SetRoute has set, or "". Any goroutine may call it.
func (t *Trace) RouteNow() string {
	if t == nil {
		return ""
	}
	if name := t.route.Load(); name != nil {
		return *name
	}
	return ""
}

// CountQuery counts one SQL statement.
func (t *Trace) CountQuery() {
	if t != nil {
		t.queries.Add(1)
	}
}

// Queries is the number of SQL statements sent so far.
func (t *Trace) Queries() int64 {
	if t == nil {
		return 0
	}
	return t.queries.Load()
}

// Read records that the call has read a cached value, by an id that no other value of the
// process has.
func (t *Trace) Read(id uint64) {
	if t == nil {
		return
	}
	// SplitMix64's mixing, so that sums of different ids differ, while the order does not
	// matter: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014.
	id *= 0x9e3779b97f4a7c15
	id = (id ^ id>>30) * 0xbf58476d1ce4e5b9
	id = (id ^ id>>27) * 0x94d049bb133111eb
	t.reads.Add(id ^ id>>31)
}

// Reads is a hash of the cached values that the call has read. It is 0 if there are none,
// or if the call has queried the database too.
func (t *Trace) Reads() uint64 {
	if t == nil || t.queries.Load() > 0 {
		return 0
	}
	return t.reads.Load()
}

// ClientAddress is the Trace's Address, or the zero address without a Trace.
func (t *Trace) ClientAddress() netip.Addr {
	if t == nil {
		return netip.Addr{}
	}
	return t.Address
}

// MarkStale records that a read returned a value that may be older than a write, or past
// its TTL.
func (t *Trace) MarkStale() {
	if t != nil {
		t.stale.Store(true)
	}
}

// Stale reports whether MarkStale was called.
func (t *Trace) Stale() bool { return t != nil && t.stale.Load() }

// MarkPrivate says that the answer is for this caller alone: no shared cache may store it.
func (t *Trace) MarkPrivate() {
	if t != nil {
		t.private.Store(true)
	}
}

// Private reports whether the answer is for this caller alone. Without a Trace there is
// no place for the mark, so every answer counts as private.
func (t *Trace) Private() bool { return t == nil || t.private.Load() }

// ReadsFresh reports whether a value in memory needs the confirmation of Redis.
func (t *Trace) ReadsFresh() bool { return t != nil && (t.Fresh || t.MakesPage) }

// AcceptsStale reports whether the response is a page, which values marked stale may be
// part of: the page is then marked too, and not stored.
func (t *Trace) AcceptsStale() bool { return t != nil && t.MakesPage && !t.Fresh }

// Memo returns what create returned the first time. The cache stores its state of one call
// there. t must not be nil.
func (t *Trace) Memo(create func() any) any {
	t.once.Do(func() { t.memo = create() })
	return t.memo
}

// WaitedForCache adds to the time that the call has waited for the shared cache, and
// returns the sum. The cache limits it, so that a slow cache does not cost more than none.
func (t *Trace) WaitedForCache(d time.Duration) time.Duration {
	if t == nil {
		return d
	}
	return time.Duration(t.waited.Add(int64(d)))
}
