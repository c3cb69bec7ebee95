package writebehind

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

// Flush stores what waits at its beginning, the oldest first, a batch at a time. A write
// that the store cannot take becomes a dead letter and does not block others. A write about
// something that no longer exists is dropped. If the store is away, everything stays, and
// Flush returns the error. Several processes may flush at once.
func (b *Buffer[K, V]) Flush(ctx context.Context, store writes.StoreBatch[K, V]) error {
	for newest := ""; ; {
		f, err := b.fetch(ctx, b.pending, newest)
		if err != nil || f.size == 0 {
			return err
		}
		newest = f.newest
		begin := time.Now()
		resolved, err := b.storeBatch(ctx, f, store)
		b.metrics.batches.Observe(time.Since(begin).Seconds())
		if err != nil {
			return err
		}
		if f.size < b.options.BatchSize || resolved == 0 { // what could not be resolved waits for the next run
			return nil
		}
	}
}

// fetched is a batch as it came from Redis.
type fetched[K cmp.Ordered, V any] struct {
	from       queue
	newest     string // limit of this flush; later puts wait for the next
	size       int
	batch      []writes.Write[K, V] // ordered by key, so that two flushes do not deadlock
	texts      map[K]pair
	unreadable []pair
}

// pair is a field in Redis and its text.
type pair struct{ field, text string }

func (b *Buffer[K, V]) fetch(ctx context.Context, from queue, newest string) (f fetched[K, V], err error) {
	reply, err := b.run(ctx, fetchScript, from, newest, b.options.BatchSize).StringSlice()
	if err != nil {
		return f, unavailable("fetch a batch of writes", err)
	}
	f = fetched[K, V]{from: from, newest: reply[0], size: len(reply) / 2, texts: make(map[K]pair)}
	for read := range slices.Chunk(reply[1:], 2) {
		p := pair{read[0], read[1]}
		text := p.text
		if from == b.dead {
			text = decodeLetter(text).Entry
		}
		var w writes.Write[K, V]
		if w.Version, w.Value, err = decode[V](text); err == nil {
			err = json.Unmarshal([]byte(p.field), &w.Key)
		}
		if err != nil {
			f.unreadable = append(f.unreadable, p)
			continue
		}
		f.texts[w.Key] = p
		f.batch = append(f.batch, w)
	}
	slices.SortFunc(f.batch, func(a, b writes.Write[K, V]) int { return cmp.Compare(a.Key, b.Key) })
	return f, nil
}

// resolveTimeout is for removing from Redis what has been stored, after the time to store
// more is over.
const resolveTimeout = 3 * time.Second

// storeBatch stores a batch and removes from Redis what is stored then. It returns for how
// many keys Redis still had an entry.
func (b *Buffer[K, V]) storeBatch(
	ctx context.Context, f fetched[K, V], store writes.StoreBatch[K, V],
) (resolved int, err error) {
	rejected := writes.Rejected[K]{Stale: map[K]int64{}, Invalid: map[K]error{}, Missing: map[K]bool{}}
	decided, failed := storeBisecting(ctx, f.batch, store, rejected)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	if len(decided) > 0 {
		// The process that put a value may have died before it invalidated the key. After an
		// error the next flush stores and invalidates again.
		if err := b.options.Invalidate(ctx, keysOf(decided)); err != nil {
			return 0, errors.Join(err, failed)
		}
	}
	resolved, err = b.resolve(ctx, f, decided, rejected)
	return resolved, errors.Join(err, failed)
}

// storeBisecting stores a batch and returns the writes that the store has decided on. If
// some write in the batch is bad, it tries the halves, until the bad one is alone.
func storeBisecting[K cmp.Ordered, V any](
	ctx context.Context, batch []writes.Write[K, V], store writes.StoreBatch[K, V], all writes.Rejected[K],
) (decided []writes.Write[K, V], err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	rejected, err := store(ctx, batch)
	switch {
	case err == nil:
		maps.Copy(all.Stale, rejected.Stale)
		maps.Copy(all.Invalid, rejected.Invalid)
		maps.Copy(all.Missing, rejected.Missing)
		return batch, nil
	case problem.CodeOf(err) != problem.Invalid:
		return nil, err
	case len(batch) == 1:
		all.Invalid[batch[0].Key] = err
		return batch, nil
	}
	middle := len(batch) / 2
	decided, err = storeBisecting(ctx, batch[:middle], store, all)
	if err != nil {
		return decided, err
	}
	rest, err := storeBisecting(ctx, batch[middle:], store, all)
	return append(slices.Clip(decided), rest...), err
}

// goneMark stands in the place of a dead letter for a write that is dropped.
const goneMark = "gone"

// resolve removes from Redis what is stored or gone, and makes dead letters of what is bad or cannot
// be read. It returns for how many keys Redis still had an entry.
func (b *Buffer[K, V]) resolve(
	ctx context.Context, f fetched[K, V], decided []writes.Write[K, V], rejected writes.Rejected[K],
) (resolved int, err error) {
	now := time.Now()
	var args, older []any
	for _, p := range f.unreadable {
		args = append(args, p.field, p.text, b.letter(f.from, p.text, errEntry, now))
	}
	for _, w := range decided {
		p := f.texts[w.Key]
		start := p.text // the entry or letter must still begin with this
		if f.from == b.pending {
			start = entry(w.Version, "")
		}
		stored, isOlder := rejected.Stale[w.Key]
		switch reason := rejected.Invalid[w.Key]; {
		case reason != nil:
			args = append(args, p.field, start, b.letter(f.from, p.text, reason, now))
		case rejected.Missing[w.Key]:
			args = append(args, p.field, start, goneMark)
		case !isOlder: // stored
			args = append(args, p.field, start, "")
		case stored >= w.Version: // else another process is storing a newer one right now
			older = append(older, p.field, stored)
		}
	}
	if len(args) > 0 {
		counts, failed := b.run(ctx, resolveScript, f.from, args...).Int64Slice()
		if failed != nil {
			err = unavailable("remove stored writes from Redis", failed)
		} else {
			b.metrics.stored.Add(float64(counts[0]))
			b.metrics.gone.Add(float64(counts[3]))
			if f.from == b.pending {
				b.metrics.deadLettered.Add(float64(counts[1]))
			}
			resolved = int(counts[0] + counts[1] + counts[2] + counts[3])
		}
	}
	n, failed := b.resolveOlder(ctx, f.from, older)
	err = errors.Join(err, failed)
	if f.from == b.pending {
		err = errors.Join(err, b.report(ctx, len(f.unreadable), rejected))
	}
	return resolved + n, err
}

// resolveOlder handles writes that the store rejected because it has a newer version; older
// is their fields and the store's versions in turns. If Redis' clock went back, the write is
// the newest: it gets a version above the store's, and is stored the next time. Otherwise
// Redis has brought back old data, after a crash or by a failover, and the write is dropped.
func (b *Buffer[K, V]) resolveOlder(ctx context.Context, from queue, older []any) (found int, err error) {
	if len(older) == 0 {
		return 0, nil
	}
	reply, err := b.run(ctx, raiseOrDropScript, from, older...).StringSlice()
	if err != nil {
		return 0, unavailable("resolve writes older than the store's", err)
	}
	found, _ = strconv.Atoi(reply[0])
	if raised, _ := strconv.Atoi(reply[1]); raised > 0 {
		b.metrics.raised.Add(float64(raised))
		b.options.Log.WarnContext(ctx, "writes got higher versions: the store's are ahead of Redis' clock", "writes", raised)
	}
	var keys []K
	for dropped := range slices.Chunk(reply[2:], 3) {
		b.metrics.outdated.Inc()
		b.options.Log.WarnContext(ctx, "a write is dropped: Redis has lost data, and the store has a newer write",
			"key", dropped[0], "version", dropped[1], "stored_version", dropped[2])
		var key K
		if json.Unmarshal([]byte(dropped[0]), &key) == nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	return found, b.options.Invalidate(ctx, keys) // readers have seen the old value
}

// report logs what has not been stored. It invalidates keys with dead letters: readers find
// the stored value again.
func (b *Buffer[K, V]) report(ctx context.Context, unreadable int, rejected writes.Rejected[K]) error {
	if unreadable > 0 {
		b.options.Log.ErrorContext(ctx, "entries cannot be read and become dead letters", "entries", unreadable)
	}
	if len(rejected.Missing) > 0 {
		b.options.Log.WarnContext(ctx, "writes are dropped: their rows do not exist", "writes", len(rejected.Missing))
	}
	if len(rejected.Invalid) == 0 {
		return nil
	}
	keys := slices.Collect(maps.Keys(rejected.Invalid))
	b.options.Log.ErrorContext(ctx, "writes cannot be stored and become dead letters",
		"writes", len(keys), "error", rejected.Invalid[keys[0]])
	return b.options.Invalidate(ctx, keys)
}
