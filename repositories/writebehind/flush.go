package writebehind

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// Flush stores what waits at its beginning, the oldest first, a batch at a time.
// A write that the store cannot take becomes a dead letter, and holds up no
// other; one for what is not there any more is dropped. When the store is away,
// everything stays, and Flush returns its error. It may run beside others, in this
// process or elsewhere.
func (b *Buffer[K, V]) Flush(ctx context.Context, store writes.StoreBatch[K, V]) error {
	for last := ""; ; {
		t, err := b.take(ctx, last)
		if err != nil || t.size == 0 {
			return err
		}
		last = t.newest
		begin := time.Now()
		settled, err := b.storeBatch(ctx, t, store)
		b.metrics.batches.Observe(time.Since(begin).Seconds())
		if err != nil {
			return err
		}
		if t.size < b.options.BatchSize || settled == 0 { // what is unclear now is clear the next time
			return nil
		}
	}
}

// taken is a batch as it came from Redis.
type taken[K cmp.Ordered, V any] struct {
	newest string // since when the newest waits of all that waited at the beginning
	size   int
	batch  []writes.Write[K, V] // in the order of its keys, so that no two wait for each other's rows
	broken []string             // fields and entries, in turns, that cannot be read
}

func (b *Buffer[K, V]) take(ctx context.Context, last string) (t taken[K, V], err error) {
	reply, err := take.Run(ctx, b.options.Client, b.keys(), last, b.options.BatchSize).StringSlice()
	if err != nil {
		return t, unavailable("take a batch of writes", err)
	}
	t.newest, reply = reply[0], reply[1:]
	t.size = len(reply) / 2
	for pair := range slices.Chunk(reply, 2) {
		if write, err := decode[K, V](pair[0], pair[1]); err == nil {
			t.batch = append(t.batch, write)
		} else {
			t.broken = append(t.broken, pair...)
		}
	}
	slices.SortFunc(t.batch, byKey)
	return t, nil
}

func byKey[K cmp.Ordered, V any](a, b writes.Write[K, V]) int { return cmp.Compare(a.Key, b.Key) }

// settlePatience is what is left to note in Redis what has been stored, where the
// time to store more is over.
const settlePatience = 3 * time.Second

// storeBatch stores a batch, and drops from the buffer what is stored then. It
// returns for how many writes that changed anything.
func (b *Buffer[K, V]) storeBatch(
	ctx context.Context, t taken[K, V], store writes.StoreBatch[K, V],
) (settled int, err error) {
	all := newRefused[K]()
	done, failed := isolate(ctx, t.batch, store, all)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	if len(done) > 0 {
		// Whoever was told of a value that died with its process before it could say so
		// learns of it now.
		if err := b.options.Changed(ctx, keysOf(done)); err != nil {
			return 0, errors.Join(err, failed) // they are stored again by the next flush, which tells of them again
		}
		if b.beforeSettling != nil {
			b.beforeSettling(ctx, done)
		}
	}
	settled, err = b.settle(ctx, done, t.broken, all)
	return settled, errors.Join(err, failed)
}

func newRefused[K cmp.Ordered]() writes.Refused[K] {
	return writes.Refused[K]{Newer: map[K]int64{}, Bad: map[K]error{}, Gone: map[K]bool{}}
}

// isolate stores a batch and returns the part of it that the store has decided
// on. Where some write in it is bad, halves are tried in its place, until the bad
// one stands alone.
func isolate[K cmp.Ordered, V any](
	ctx context.Context, batch []writes.Write[K, V], store writes.StoreBatch[K, V], all writes.Refused[K],
) (done []writes.Write[K, V], err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	refused, err := store(ctx, batch)
	switch {
	case err == nil:
		maps.Copy(all.Newer, refused.Newer)
		maps.Copy(all.Bad, refused.Bad)
		maps.Copy(all.Gone, refused.Gone)
		return batch, nil
	case problem.CodeOf(err) != problem.Invalid:
		return nil, err
	case len(batch) == 1:
		all.Bad[batch[0].Key] = err
		return batch, nil
	}
	middle := len(batch) / 2
	done, err = isolate(ctx, batch[:middle], store, all)
	if err != nil {
		return done, err
	}
	rest, err := isolate(ctx, batch[middle:], store, all)
	return append(slices.Clip(done), rest...), err
}

func keysOf[K cmp.Ordered, V any](batch []writes.Write[K, V]) []K {
	keys := make([]K, len(batch))
	for i, w := range batch {
		keys[i] = w.Key
	}
	return keys
}
