package cache

import (
	"context"
	"sync/atomic"
)

// loading is a load under way.
type loading struct {
	answer *answer // of Redis, before the load began; nil where it gave none
	stale  atomic.Bool
}

type loadingKey struct{}

func loadingFrom(ctx context.Context) *loading {
	l, _ := ctx.Value(loadingKey{}).(*loading)
	return l
}

// MarkStale says, from within a load, that what it is going to return may be older
// than some write. The value is given to who waits for it, as a stale one, and
// stays in this process's memory for a moment.
func MarkStale(ctx context.Context) {
	if l := loadingFrom(ctx); l != nil {
		l.stale.Store(true)
	}
}

// Prefetched returns the field of a hash that [Cache.PrefetchHash] has had read before the
// load that ctx belongs to: "" where there is no such field.
func Prefetched(ctx context.Context, hash string) (field string, read bool) {
	l := loadingFrom(ctx)
	if l == nil || l.answer == nil {
		return "", false
	}
	field, read = l.answer.fields[hash]
	return field, read
}
