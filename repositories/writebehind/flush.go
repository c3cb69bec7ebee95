package writebehind

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"example.com/prefab/services"
)

// Flush stores what waits at its beginning, the oldest first, a batch at a time.
// A write that the store cannot take becomes a dead letter, and holds up no
// other. When the store is away, everything stays, and Flush returns its error.
// It may run beside others, in this process or elsewhere.
func (b *Buffer[K, V]) Flush(ctx context.Context, store services.StoreBatch[K, V]) error {
	if standing(b.standing.Load()) == writesThrough {
		return nil
	}
	for last := ""; ; {
		batch, newest, err := b.take(ctx, last)
		if err != nil || len(batch) == 0 {
			return err
		}
		last = newest
		begin := time.Now()
		settled, err := b.storeBatch(ctx, batch, store)
		b.metrics.batches.Observe(time.Since(begin).Seconds())
		if err != nil {
			return err
		}
		if len(batch) < b.options.BatchSize || settled == 0 { // what is unclear now is clear the next time
			return nil
		}
	}
}

// take returns the oldest batch, in the order of its keys, so that two of them
// never wait for each other's rows.
func (b *Buffer[K, V]) take(ctx context.Context, last string) (batch []services.Write[K, V], newest string, err error) {
	reply, err := take.Run(ctx, b.options.Client, []string{b.data, b.dirty}, last, b.options.BatchSize).StringSlice()
	if err != nil {
		return nil, "", unavailable("take a batch of writes", err)
	}
	newest, reply = reply[0], reply[1:]
	batch = make([]services.Write[K, V], 0, len(reply)/2)
	for pair := range slices.Chunk(reply, 2) {
		write, err := decode[K, V](pair[0], pair[1])
		if err != nil {
			return nil, "", err
		}
		batch = append(batch, write)
	}
	slices.SortFunc(batch, byKey)
	return batch, newest, nil
}

func byKey[K cmp.Ordered, V any](a, b services.Write[K, V]) int { return cmp.Compare(a.Key, b.Key) }

// storeBatch stores a batch, and drops from the buffer what is stored then. It
// returns for how many writes that changed anything.
func (b *Buffer[K, V]) storeBatch(
	ctx context.Context, batch []services.Write[K, V], store services.StoreBatch[K, V],
) (settled int, err error) {
	refused := services.Refused[K]{Newer: map[K]int64{}, Bad: map[K]error{}}
	done, failed := isolate(ctx, batch, store, refused)
	if len(done) == 0 {
		return 0, failed
	}
	// Whoever was told of a value that died with its process before it could say so
	// learns of it now.
	b.options.Changed(ctx, keysOf(done))
	if b.beforeSettling != nil {
		b.beforeSettling(ctx, done)
	}
	settled, err = b.settle(ctx, done, refused)
	if err != nil {
		return settled, err
	}
	return settled, failed
}

// isolate stores a batch and returns the part of it that the store has decided
// on. Where some write in it is bad, halves are tried in its place, until the bad
// one stands alone.
func isolate[K cmp.Ordered, V any](
	ctx context.Context, batch []services.Write[K, V], store services.StoreBatch[K, V], all services.Refused[K],
) (done []services.Write[K, V], err error) {
	refused, err := store(ctx, batch)
	switch {
	case err == nil:
		maps.Copy(all.Newer, refused.Newer)
		maps.Copy(all.Bad, refused.Bad)
		return batch, nil
	case services.CodeOf(err) != services.Invalid:
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

func keysOf[K cmp.Ordered, V any](batch []services.Write[K, V]) []K {
	keys := make([]K, len(batch))
	for i, w := range batch {
		keys[i] = w.Key
	}
	return keys
}
