package cache_test

import (
	"context"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

// Not kept, but no less doubtful: whoever makes a page of it must know.
func TestMarkStale_OfAValueThatIsTooLongIsGivenAsStaleToo(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t), func(o *cache.Options) { o.ValueLimit = 1 }), new(source)
	trace := new(tracing.Trace)
	_, err := n.get(tracing.With(t.Context(), trace), func(ctx context.Context) (int64, error) {
		cache.MarkStale(ctx)
		return s.load(ctx)
	})
	if err != nil || !trace.Stale() {
		t.Errorf("%v, stale: %t", err, trace.Stale())
	}
}
