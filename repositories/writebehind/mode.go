package writebehind

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// mode says how Put takes writes.
type mode int32

const (
	modeUnknown      mode = iota // Redis has not answered yet
	modeBuffered                 // Redis keeps what it has acknowledged
	modeWriteThrough             // Redis may evict it, so nothing is put there
)

// Mode returns "buffered" or "write-through", or "unavailable" until Redis has answered for
// the first time.
func (b *Buffer[K, V]) Mode() string {
	return [...]string{"unavailable", "buffered", "write-through"}[b.mode.Load()]
}

// Start asks Redis whether it keeps writes, and logs what is missing. If Redis does not
// answer, the first Put asks again.
func (b *Buffer[K, V]) Start(ctx context.Context) { _, _ = b.detectMode(ctx) }

func (b *Buffer[K, V]) detectMode(ctx context.Context) (mode, error) {
	if known := mode(b.mode.Load()); known != modeUnknown {
		return known, nil
	}
	info, err := b.info(ctx)
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") && !redis.HasErrorPrefix(err, "ERR unknown command") {
		return modeUnknown, unavailable("ask Redis for its settings", err)
	}
	detected, warning := modeFromInfo(info)
	if b.mode.CompareAndSwap(int32(modeUnknown), int32(detected)) && warning != "" {
		b.options.Log.WarnContext(ctx, warning)
	}
	return mode(b.mode.Load()), nil
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

func modeFromInfo(info string) (m mode, warning string) {
	settings := make(map[string]string)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		settings[name] = value
	}
	switch policy := settings["maxmemory_policy"]; {
	case policy == "": // miniredis, for one
		return modeWriteThrough, "writes are not buffered: this Redis does not tell its maxmemory-policy"
	case strings.HasPrefix(policy, "allkeys-"):
		return modeWriteThrough, "writes are not buffered: Redis may evict them, by its maxmemory-policy " + policy
	case settings["aof_enabled"] != "1":
		return modeBuffered, "buffered writes are lost if Redis crashes: it has no append-only file"
	}
	return modeBuffered, ""
}

var errOlderWaits = &problem.Error{
	Code:       problem.Unavailable,
	Message:    "An earlier change waits to be stored. Please try again in a moment.",
	RetryAfter: 5 * time.Second,
}

// writeThrough stores a value at once. A value that waits under the key is older and must be
// stored first: it is from before a change of the mode, or from a process that has not seen it.
func (b *Buffer[K, V]) writeThrough(ctx context.Context, key K, field string, value V) error {
	waits, err := b.options.Client.HExists(ctx, b.pending.texts, field).Result()
	if err != nil {
		return unavailable("read pending writes", err)
	}
	if waits {
		return errOlderWaits
	}
	letter, err := b.options.Client.HGet(ctx, b.dead.texts, field).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return unavailable("read dead letters", err)
	}
	if err := b.options.WriteThrough(ctx, key, value); err != nil || letter == "" {
		return err
	}
	if err := b.run(ctx, resolveScript, b.dead, field, letter, "").Err(); err != nil {
		return unavailable("drop a dead letter", err)
	}
	return nil
}
