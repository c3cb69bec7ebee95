package writebehind

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// standing is what Redis is good for.
type standing int32

const (
	unknown       standing = iota // it could not be asked yet
	keepsWrites                   // what is put stays
	writesThrough                 // it may drop what it holds, so nothing is put
)

// Mode tells how writes are taken, going by what Redis said of itself at the
// start: "buffered", "write-through", or "unavailable" as long as it could not be
// asked.
func (b *Buffer[K, V]) Mode() string {
	switch standing(b.standing.Load()) {
	case keepsWrites:
		return "buffered"
	case writesThrough:
		return "write-through"
	case unknown:
	}
	return "unavailable"
}

// Start asks Redis what it is good for, and says so in the log where that is less
// than it should be. While Redis is away Start does nothing, and Put asks again.
func (b *Buffer[K, V]) Start(ctx context.Context) { _, _ = b.ask(ctx) }

// ask returns what Redis is good for. It asks until it has had an answer.
func (b *Buffer[K, V]) ask(ctx context.Context) (standing, error) {
	if known := standing(b.standing.Load()); known != unknown {
		return known, nil
	}
	text, err := b.info(ctx)
	if err != nil && !isReply(err) {
		return unknown, unavailable("ask Redis what it is", err)
	}
	found, reason := judge(text)
	if b.standing.CompareAndSwap(int32(unknown), int32(found)) && reason != "" {
		b.options.Log.WarnContext(ctx, reason, "buffer", b.options.Name)
	}
	return standing(b.standing.Load()), nil
}

// info asks the server that holds the buffer; of a Cluster's, the one of its slot.
func (b *Buffer[K, V]) info(ctx context.Context) (string, error) {
	cluster, ok := b.options.Client.(*redis.ClusterClient)
	if !ok {
		return b.options.Client.Info(ctx).Result()
	}
	holder, err := cluster.MasterForKey(ctx, b.data)
	if err != nil {
		return "", err
	}
	return holder.Info(ctx).Result()
}

// writeThrough stores a value at once. What waits under its key, from before or
// from a process that found Redis to be another, is older, and comes first.
func (b *Buffer[K, V]) writeThrough(ctx context.Context, key K, value V) error {
	field, _, err := encode(key, value)
	if err != nil {
		return err
	}
	var waits *redis.BoolCmd
	var letter *redis.StringCmd
	_, err = b.options.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		waits, letter = p.HExists(ctx, b.data, field), p.HGet(ctx, b.dead, field)
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return unavailable("ask Redis what waits in it", err)
	case waits.Val():
		return ErrFull
	}
	if err := b.options.Through(ctx, key, value); err != nil || letter.Val() == "" {
		return err
	}
	dropped := []any{0, field, letter.Val(), ""}
	if err := rewrite.Run(ctx, b.options.Client, b.keys(), dropped...).Err(); err != nil {
		return unavailable("drop a dead letter", err)
	}
	return nil
}

// isReply reports whether Redis itself has answered with the error.
func isReply(err error) bool {
	for _, passing := range [...]string{"LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY"} {
		if redis.HasErrorPrefix(err, passing) {
			return false
		}
	}
	_, ok := err.(redis.Error) //nolint:errorlint // what wraps a reply is no reply
	return ok
}

// judge reads the answer to INFO.
func judge(info string) (found standing, reason string) {
	says := make(map[string]string)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		says[name] = value
	}
	switch policy := says["maxmemory_policy"]; {
	case policy == "":
		return writesThrough, "writes are not buffered: this Redis does not say whether it keeps what it holds"
	case strings.HasPrefix(policy, "allkeys-"):
		return writesThrough, "writes are not buffered: Redis evicts any key, by its maxmemory-policy " + policy
	case says["aof_enabled"] != "1":
		return keepsWrites, "buffered writes are lost should Redis itself crash: it has no append-only file"
	}
	return keepsWrites, ""
}
