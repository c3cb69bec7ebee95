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
// something that no longer exists is dropped. If the store is down, everything stays, and
// Flush returns the error. Several processes may flush at once.
func (b *Buffer[K, V]) Flush(ctx context.Context, store writes.StoreBatch[K, V]) error {
	for limit := ""; ; { // later puts wait for the next flush
		items, newest, err := b.fetch(ctx, b.pending, limit)
		if err != nil || len(items) == 0 {
			return err
		}
		limit = newest
		begin := time.Now()
		resolved, err := b.storeBatch(ctx, b.pending, items, store)
		b.metrics.batches.Observe(time.Since(begin).Seconds())
		if err != nil || resolved == 0 || len(items) < b.options.BatchSize {
			return err
		}
	}
}

// RetryDeadLetters tries again to store a batch of dead letters, those whose last try is
// longest ago.
func (b *Buffer[K, V]) RetryDeadLetters(ctx context.Context, store writes.StoreBatch[K, V]) error {
	items, _, err := b.fetch(ctx, b.dead, "")
	if err != nil || len(items) == 0 {
		return err
	}
	_, err = b.storeBatch(ctx, b.dead, items, store)
	return err
}

// item is a key that waits, as it came from Redis.
type item[K cmp.Ordered, V any] struct {
	writes.Write[K, V]
	field, text string
	entry       string // the text, or what a dead letter holds
	err         error  // why it cannot be read or stored
}

// letter is a dead letter in Redis: a write that the store did not take.
type letter struct {
	Entry string    `json:"entry"` // first: a script looks for its version
	Error string    `json:"error"`
	At    time.Time `json:"at"` // of the last try
}

// letter returns the item as a dead letter.
func (i item[K, V]) letter() string {
	const maxLength = 300
	reason := i.err.Error()
	text, _ := json.Marshal(letter{Entry: i.entry, Error: reason[:min(len(reason), maxLength)], At: time.Now().UTC()})
	return string(text)
}

// fetch returns the oldest items up to a limit in time, and the limit, which is that of the
// newest item if none is given.
func (b *Buffer[K, V]) fetch(
	ctx context.Context, from queue, limit string,
) (items []item[K, V], newest string, err error) {
	reply, err := b.run(ctx, fetchScript, from, limit, b.options.BatchSize).StringSlice()
	if err != nil {
		return nil, "", unavailable("fetch a batch of writes", err)
	}
	for pair := range slices.Chunk(reply[1:], 2) {
		i := item[K, V]{field: pair[0], text: pair[1], entry: pair[1]}
		if from == b.dead {
			i.entry = readLetter(i.text).Entry
		}
		i.Version, i.Value, i.err = decode[V](i.entry)
		if i.err == nil {
			i.err = json.Unmarshal([]byte(i.field), &i.Key)
		}
		items = append(items, i)
	}
	// In this order the store locks rows, so that two flushes do not deadlock.
	slices.SortFunc(items, func(a, b item[K, V]) int { return cmp.Compare(a.Key, b.Key) })
	return items, reply[0], nil
}

// resolveTimeout is for removing from Redis what has been stored, after the time to store
// more is over.
const resolveTimeout = 3 * time.Second

// storeBatch stores items and removes from Redis what is stored then. It returns how many
// items do not wait any more.
func (b *Buffer[K, V]) storeBatch(
	ctx context.Context, from queue, items []item[K, V], store writes.StoreBatch[K, V],
) (resolved int, err error) {
	var unreadable, readable []item[K, V]
	var batch []writes.Write[K, V]
	for _, i := range items {
		if i.err != nil {
			unreadable = append(unreadable, i)
		} else {
			readable, batch = append(readable, i), append(batch, i.Write)
		}
	}
	rejected := writes.Rejected[K]{Stale: map[K]int64{}, Invalid: map[K]error{}, Missing: map[K]bool{}}
	decided, storeErr := storeBisecting(ctx, batch, store, rejected)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	// The process that put a value may have died before it invalidated the key. After an
	// error the next flush stores and invalidates again.
	if err := b.invalidate(ctx, readable[:decided]); err != nil {
		return 0, errors.Join(err, storeErr)
	}
	resolved, err = b.resolve(ctx, from, append(unreadable, readable[:decided]...), rejected)
	return resolved, errors.Join(err, storeErr)
}

// storeBisecting stores a batch and returns how many of the first writes the store has
// decided on. If some write in the batch is bad, it tries the halves, until the bad one is alone.
func storeBisecting[K cmp.Ordered, V any](
	ctx context.Context, batch []writes.Write[K, V], store writes.StoreBatch[K, V], all writes.Rejected[K],
) (decided int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	rejected, err := store(ctx, batch)
	switch {
	case err == nil:
		maps.Copy(all.Stale, rejected.Stale)
		maps.Copy(all.Invalid, rejected.Invalid)
		maps.Copy(all.Missing, rejected.Missing)
		return len(batch), nil
	case problem.CodeOf(err) != problem.Invalid:
		return 0, err
	case len(batch) == 1:
		all.Invalid[batch[0].Key] = err
		return 1, nil
	}
	middle := len(batch) / 2
	decided, err = storeBisecting(ctx, batch[:middle], store, all)
	if err != nil {
		return decided, err
	}
	rest, err := storeBisecting(ctx, batch[middle:], store, all)
	return middle + rest, err
}

// What happens to a write. Some are counted by the metric of that name.
const (
	stored       = "stored"
	gone         = "gone"          // dropped: its row does not exist
	deadLettered = "dead_lettered" // the store cannot take it
	stillDead    = "still_dead"    // nor a dead letter that is tried again
	older        = "older"         // than the store's; Redis decides whether it is raised or outdated
	raised       = "raised"        // it got a version above the store's
	outdated     = "outdated"      // dropped: the store has a newer one
	discarded    = "discarded"     // a dead letter, by hand
)

// resolve removes from Redis what is stored or dropped, and makes dead letters of what cannot
// be read or stored. It returns how many items do not wait any more, or have changed meanwhile.
func (b *Buffer[K, V]) resolve(
	ctx context.Context, from queue, items []item[K, V], rejected writes.Rejected[K],
) (resolved int, err error) {
	var args []any
	var sent []item[K, V]
	for _, i := range items {
		version, stale := rejected.Stale[i.Key]
		i.err = cmp.Or(i.err, rejected.Invalid[i.Key])
		outcome, detail := stored, ""
		switch {
		case i.err != nil && from == b.dead:
			outcome, detail = stillDead, i.letter()
		case i.err != nil:
			outcome, detail = deadLettered, i.letter()
		case rejected.Missing[i.Key]:
			outcome = gone
		case stale && version < i.Version:
			continue // refused for a newer one, which the statement does not see yet; the next flush decides
		case stale && version > i.Version:
			outcome, detail = older, strconv.FormatInt(version, 10)
		}
		args = append(args, i.field, i.text, outcome, detail)
		sent = append(sent, i)
	}
	if len(sent) == 0 {
		return 0, nil
	}
	outcomes, err := b.run(ctx, resolveScript, from, args...).StringSlice()
	if err != nil {
		return 0, unavailable("remove stored writes from Redis", err)
	}
	counts := make(map[string]int)
	var reverted []item[K, V] // readers see the stored value again
	for n, outcome := range outcomes {
		counts[outcome]++
		if counter, ok := b.metrics.outcomes[outcome]; ok {
			counter.Inc()
		}
		switch i := sent[n]; outcome {
		case deadLettered:
			reverted = append(reverted, i)
		case outdated:
			reverted = append(reverted, i)
			b.options.Log.WarnContext(ctx, "a write is dropped: Redis has lost data, and the store has a newer write",
				"key", i.field, "version", i.Version, "stored_version", rejected.Stale[i.Key])
		}
	}
	if n := counts[deadLettered]; n > 0 {
		b.options.Log.ErrorContext(ctx, "writes cannot be stored and become dead letters",
			"writes", n, "error", reverted[0].err)
	}
	if n := counts[gone]; n > 0 {
		b.options.Log.WarnContext(ctx, "writes are dropped: their rows do not exist", "writes", n)
	}
	if n := counts[raised]; n > 0 {
		b.options.Log.WarnContext(ctx, "writes got higher versions: the store's are ahead of Redis' clock", "writes", n)
	}
	return len(sent), b.invalidate(ctx, reverted)
}

func (b *Buffer[K, V]) invalidate(ctx context.Context, items []item[K, V]) error {
	if len(items) == 0 {
		return nil
	}
	keys := make([]K, len(items))
	for n, i := range items {
		keys[n] = i.Key
	}
	return b.options.Invalidate(ctx, keys)
}
