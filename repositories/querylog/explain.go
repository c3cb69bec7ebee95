package querylog

import (
	"context"
	"database/sql"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/lib/pq"

	"example.com/prefab/services/tracing"
)

const (
	explainPause   = time.Minute     // between two plans of one query name
	explainTimeout = 5 * time.Second // for one plan
)

// Explainer logs how PostgreSQL would run a slow SELECT. It works in the
// background, on a connection of the pool, one plan at a time and one a minute
// for each query name; what comes meanwhile is left out. Nothing is ever run
// anew, and writes and whatever locks rows are not even planned.
//
// The plan is the one for any arguments, as no arguments are known here; the one
// that was slow may have been another, made for its own.
type Explainer struct {
	log    *slog.Logger
	ctx    context.Context // of every plan
	cancel context.CancelFunc
	plans  sync.WaitGroup

	mu   sync.Mutex
	db   *sql.DB // nil: nothing is planned
	busy bool
	last map[string]time.Time // by query name, when its last plan began; a minute's worth
}

// NewExplainer returns an explainer that does nothing before Use. It is made
// first, since the pool that it uses tells it what was slow.
func NewExplainer(log *slog.Logger) *Explainer {
	ctx, cancel := context.WithCancel(context.Background())
	return &Explainer{log: log, ctx: ctx, cancel: cancel, last: make(map[string]time.Time)}
}

// Use makes the explainer plan on db.
func (x *Explainer) Use(db *sql.DB) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.db = db
}

// Close gives up a plan under way, and makes no more. Call it before the pool's.
func (x *Explainer) Close() {
	x.Use(nil)
	x.cancel()
	x.plans.Wait()
}

// Explain is an Observer, to be told of slow statements only. It returns at once.
func (x *Explainer) Explain(ctx context.Context, e Event) {
	if e.Outcome() == Failed || !explainable(e.Query) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(x.last, func(_ string, began time.Time) bool { return now.Sub(began) >= explainPause })
	if _, recent := x.last[e.Name]; recent || x.busy || x.db == nil {
		return
	}
	x.last[e.Name], x.busy = now, true
	db, trace := x.db, tracing.From(ctx)
	x.plans.Go(func() {
		x.logPlan(tracing.With(context.Background(), trace), db, e)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.busy = false
	})
}

// logPlan takes the slow statement's trace for its lines, not for its queries,
// which would count as the request's.
func (x *Explainer) logPlan(traced context.Context, db *sql.DB, e Event) {
	ctx, cancel := context.WithTimeout(x.ctx, explainTimeout)
	defer cancel()
	plan, err := planOf(ctx, db, e.Query)
	if err == nil {
		x.log.WarnContext(traced, "slow query plan", "name", e.Name, "plan", clip(plan))
		return
	}
	attrs := []any{"name", e.Name}
	if answer := pq.As(err); answer != nil { // PostgreSQL's messages may quote values
		attrs = append(attrs, "sqlstate", string(answer.Code))
	}
	x.log.DebugContext(traced, "slow query not explained", attrs...)
}
