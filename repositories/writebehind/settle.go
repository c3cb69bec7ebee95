package writebehind

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/services"
)

// settle drops from the buffer what is stored, and makes dead letters of what is
// bad. It returns for how many writes that changed anything.
//
// What the store refused as older is nevertheless the newest that we know of,
// where nothing has been put since: Redis' clock or its data went back. It gets a
// version above the store's, and is stored with the next batch.
func (b *Buffer[K, V]) settle(
	ctx context.Context, batch []services.Write[K, V], refused services.Refused[K],
) (settled int, err error) {
	var stored, versions, older, bad []any
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
			bad = append(bad, field, version, encodeLetter(w.Version, value, reason, time.Now()))
		case !isOlder:
			stored, versions = append(stored, field), append(versions, version)
		case newer >= w.Version: // else another process is just storing a newer one
			older = append(older, field, version, strconv.FormatInt(newer+1, 10))
		}
	}
	for _, step := range []struct {
		script *redis.Script
		args   []any
		count  prometheus.Counter
	}{
		{acknowledge, append(stored, versions...), b.metrics.stored},
		{restamp, older, b.metrics.restamped},
		{bury, bad, b.metrics.buried},
	} {
		if len(step.args) == 0 {
			continue
		}
		n, err := step.script.Run(ctx, b.options.Client, []string{b.data, b.dirty, b.dead}, step.args...).Int()
		if err != nil {
			return settled, unavailable("settle a batch of writes", err)
		}
		step.count.Add(float64(n))
		settled += n
	}
	b.mourn(ctx, refused.Bad)
	return settled, nil
}

// mourn says that writes have become dead letters. Their readers find again what
// the store has.
func (b *Buffer[K, V]) mourn(ctx context.Context, bad map[K]error) {
	if len(bad) == 0 {
		return
	}
	keys := make([]K, 0, len(bad))
	var reason error
	for key, err := range bad {
		keys, reason = append(keys, key), err
	}
	b.options.Changed(ctx, keys)
	b.options.Log.ErrorContext(ctx, "writes cannot be stored and are kept as dead letters",
		"buffer", b.options.Name, "writes", len(keys), "error", reason)
}
