package writebehind

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// The modes in which Put takes writes.
const (
	modeBuffered     = "buffered"      // Redis keeps what it has acknowledged
	modeWriteThrough = "write-through" // Redis may evict it, so nothing is put there
)

// Mode returns "buffered" or "write-through", or "unavailable" until Redis has answered for
// the first time.
func (b *Buffer[K, V]) Mode() string {
	if mode, ok := b.mode.Load().(string); ok {
		return mode
	}
	return "unavailable"
}

// Start asks Redis whether it keeps writes, and logs what is missing. If Redis does not
// answer, the first Put asks again.
func (b *Buffer[K, V]) Start(ctx context.Context) { _ = b.detectMode(ctx) }

func (b *Buffer[K, V]) detectMode(ctx context.Context) error {
	if b.mode.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	info, err := b.info(ctx)
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") {
		return unavailable("ask Redis for its settings", err)
	}
	settings := make(map[string]string)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		settings[name] = value
	}
	mode, warning := modeBuffered, ""
	switch policy := settings["maxmemory_policy"]; {
	case policy == "": // miniredis, for one
		mode, warning = modeWriteThrough, "writes are not buffered: this Redis does not tell its maxmemory-policy"
	case strings.HasPrefix(policy, "allkeys-"):
		mode, warning = modeWriteThrough, "writes are not buffered: Redis may evict them, by its maxmemory-policy "+policy
	case settings["aof_enabled"] != "1":
		warning = "buffered writes are lost if Redis crashes: it has no append-only file"
	}
	if b.mode.CompareAndSwap(nil, mode) && warning != "" {
		b.options.Log.WarnContext(ctx, warning)
	}
	return nil
}

// info asks the server that holds the buffer; of a Cluster, the master of its slot.
func (b *Buffer[K, V]) info(ctx context.Context) (string, error) {
	cluster, ok := b.options.Client.(*redis.ClusterClient)
	if !ok {
		return b.options.Client.Info(ctx).Result()
	}
	master, err := cluster.MasterForKey(ctx, b.pending.texts)
	if err != nil {
		return "", err
	}
	return master.Info(ctx).Result()
}

var errOlderWaits = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "An earlier change waits to be stored. Please try again in a moment.",
	RetryAfter: 5 * time.Second,
}

// storeAtOnce stores a value by Options.WriteThrough, in place of a dead letter of its key. A value that
// waits under the key is older and must be stored first: it is from before a change of the
// mode, or from a process that has not seen it.
func (b *Buffer[K, V]) storeAtOnce(ctx context.Context, key K, field string, value V) error {
	waits, err := b.options.Client.HExists(ctx, b.pending.texts, field).Result()
	if err != nil {
		return unavailable("read pending writes", err)
	}
	if waits {
		return errOlderWaits
	}
	if err := b.options.WriteThrough(ctx, key, value); err != nil {
		return err
	}
	if err := b.options.Client.HDel(ctx, b.dead.texts, field).Err(); err != nil {
		return unavailable("drop a dead letter", err)
	}
	return nil
}
