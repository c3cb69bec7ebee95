package cache_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// looked runs do as a request that keeps its events, and returns its look-ups in order.
func looked(t *testing.T, do func(ctx context.Context)) string {
	t.Helper()
	trace := new(tracing.Trace)
	trace.KeepEvents()
	do(tracing.With(t.Context(), trace))
	var all []string
	for _, l := range trace.Events().Kept().Lookups.List {
		if l.Start.IsZero() || l.Found != "stale" && l.Duration <= 0 {
			t.Errorf("when was %+v?", l)
		}
		all = append(all, l.Table+" "+l.Found)
	}
	return strings.Join(all, ", ")
}

func TestEvents_TellWhereEachLookupFoundItsValue(t *testing.T) {
	t.Parallel()
	url, s := devtest.Redis(t), new(source)
	n, other := newNode(t, url), newNode(t, url)
	get := func(n *node, load func(context.Context) (int64, error)) func(context.Context) {
		return func(ctx context.Context) { _, _ = n.get(ctx, load) }
	}
	for i, step := range []struct {
		do   func(context.Context)
		want string
	}{
		{get(n, loadNothing), "numbers miss"},
		{get(n, s.load), "numbers miss"},
		{get(n, s.load), "numbers memory"},
		{get(other, s.load), "numbers redis"},
		{func(ctx context.Context) { get(n, s.load)(ctx); get(n, s.load)(ctx) }, "numbers memory, numbers memory"},
		{func(ctx context.Context) { _, _, _ = n.numbers.Find(ctx, "key", tags) }, "numbers memory"},
	} {
		if got := looked(t, step.do); got != step.want {
			t.Errorf("step %d: the look-ups are %q, want %q", i, got, step.want)
		}
	}
	_ = n.cache.Invalidate(t.Context(), tags[0])
	running := n.beginLoad(t, 1)
	if got := looked(t, func(ctx context.Context) {
		ended, cancel := context.WithCancel(ctx)
		cancel()
		get(n, s.load)(ended)
	}); got != "numbers error" {
		t.Errorf("a look-up whose caller has gone is %q", got)
	}
	running.end(t)
}

func TestEvents_TellOfAStaleValue(t *testing.T) {
	t.Parallel()
	n, s := newNode(t, devtest.Redis(t)), new(source)
	short := n.numbersFor("short", time.Millisecond, time.Hour)
	get := func(ctx context.Context) { _, _ = short.Get(ctx, "key", tags, s.load) }
	get(t.Context())
	s.fail.Store(problem.ErrUnavailable)
	devtest.Eventually(t, "a look-up misses, and the last value is given", func() bool {
		return looked(t, get) == "short miss, short stale"
	})
	if got := looked(t, get); got != "short stale" {
		t.Errorf("the next look-up is %q", got)
	}
}

// What production does must not take longer for the sake of development.
func TestEvents_CostAReadInMemoryNothingWhenOff(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	ctx := tracing.With(t.Context(), new(tracing.Trace))
	read := func() {
		if _, err := n.get(ctx, s.load); err != nil {
			t.Error(err)
		}
	}
	read()
	if allocations := testing.AllocsPerRun(100, read); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
