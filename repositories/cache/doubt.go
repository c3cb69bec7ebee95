package cache

import (
	"context"
	"sync/atomic"
)

type doubtKey struct{}

// Doubt says, from within a load, that what it is going to return may be older
// than some write. The value is given to who waits for it, as a stale one, and
// stays in this process's memory for a moment.
func Doubt(ctx context.Context) {
	if doubted, ok := ctx.Value(doubtKey{}).(*atomic.Bool); ok {
		doubted.Store(true)
	}
}

// withDoubt returns a context for a load, and what Doubt tells of it.
func withDoubt(ctx context.Context) (context.Context, *atomic.Bool) {
	doubted := new(atomic.Bool)
	return context.WithValue(ctx, doubtKey{}, doubted), doubted
}
