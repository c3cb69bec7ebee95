package writebehind

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/writes"
)

// settle drops from the buffer what is stored, and makes dead letters of what is
// bad or cannot be read. It returns for how many writes that changed anything.
func (b *Buffer[K, V]) settle(
	ctx context.Context, batch []writes.Write[K, V], broken []string, refused writes.Refused[K],
) (settled int, err error) {
	now := time.Now()
	bad := []any{now.UnixMicro()}
	for pair := range slices.Chunk(broken, 2) {
		bad = append(bad, pair[0], pair[1], letter{Entry: pair[1], Error: errEntry.Error(), At: now}.encode())
	}
	var stored, versions, older []any
	for _, w := range batch {
		field, value, err := encode(w.Key, w.Value)
		if err != nil {
			return 0, err
		}
		version := strconv.FormatInt(w.Version, 10)
		newer, isOlder := refused.Newer[w.Key]
		reason := refused.Bad[w.Key]
		switch {
		case reason != nil:
			l := letter{Entry: entry(w.Version, value), Error: reason.Error(), At: now}
			bad = append(bad, field, version+" ", l.encode())
		case !isOlder: // or what it is about is gone
			stored, versions = append(stored, field), append(versions, version)
		case newer >= w.Version: // else another process is just storing a newer one
			older = append(older, field, newer)
		}
	}
	for _, step := range []struct {
		script *redis.Script
		args   []any
		count  prometheus.Counter
	}{
		{acknowledge, append(stored, versions...), b.metrics.stored},
		{bury, bad, b.metrics.buried},
	} {
		if len(step.args) < 2 {
			continue
		}
		n, failed := step.script.Run(ctx, b.options.Client, b.keys(), step.args...).Int()
		if failed != nil {
			err = errors.Join(err, unavailable("settle a batch of writes", failed))
			continue
		}
		step.count.Add(float64(n))
		settled += n
	}
	n, failed := b.settleOlder(ctx, older)
	return settled + n, errors.Join(err, failed, b.report(ctx, len(broken)/2, refused))
}

// report says what has not been stored. Readers of what has become a dead letter
// find again what the store has.
func (b *Buffer[K, V]) report(ctx context.Context, broken int, refused writes.Refused[K]) error {
	log := b.options.Log.With("buffer", b.options.Name)
	if broken > 0 {
		log.ErrorContext(ctx, "entries cannot be read and are kept as dead letters", "entries", broken)
	}
	if len(refused.Gone) > 0 {
		log.WarnContext(ctx, "writes are dropped: what they are about is not there", "writes", len(refused.Gone))
	}
	if len(refused.Bad) == 0 {
		return nil
	}
	keys := make([]K, 0, len(refused.Bad))
	var reason error
	for key, err := range refused.Bad {
		keys, reason = append(keys, key), err
	}
	log.ErrorContext(ctx, "writes cannot be stored and are kept as dead letters", "writes", len(keys), "error", reason)
	return b.options.Changed(ctx, keys)
}
