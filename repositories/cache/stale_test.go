package cache_test

import (
	"context"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

// What a load was not sure of is better than nothing, but for a moment only.
func TestMarkStale_IsGivenAsStaleAndKeptByNobodyElse(t *testing.T) {
	url := devtest.Redis(t)
	n, other := newNode(t, url), newNode(t, url)
	s := new(source)
	doubtful := func(ctx context.Context) (int64, error) {
		cache.MarkStale(ctx)
		return s.load(ctx)
	}
	trace := new(tracing.Trace)
	if got, err := n.get(tracing.With(t.Context(), trace), doubtful); err != nil || got != 0 || !trace.Stale() {
		t.Errorf("got %d, %v, stale: %t", got, err, trace.Stale())
	}
	again := new(tracing.Trace)
	if _, err := n.get(tracing.With(t.Context(), again), loadNothing); err != nil || !again.Stale() {
		t.Errorf("a moment later: %v, stale: %t", err, again.Stale())
	}
	if value, held := other.held(t.Context(), false); held {
		t.Errorf("another process is given %d", value)
	}
	s.value.Store(1)
	eventually(t, "it is loaded anew", func() bool {
		got, err := n.get(t.Context(), s.load)
		return err == nil && got == 1
	})
	if value, held := other.held(t.Context(), false); !held || value != 1 {
		t.Errorf("another process is given %d, %t", value, held)
	}
}

func TestMarkStale_OfAValueThatIsTooLongIsNotKeptAtAll(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t), func(o *cache.Options) { o.ValueLimit = 1 }), new(source)
	for range 2 {
		if _, err := n.get(t.Context(), func(ctx context.Context) (int64, error) {
			cache.MarkStale(ctx)
			return s.load(ctx)
		}); err != nil {
			t.Error(err)
		}
	}
	if got := s.loads.Load(); got != 2 {
		t.Errorf("%d loads", got)
	}
}
