package writebehind

import (
	"context"
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

// Mode tells how writes are taken now: "buffered", "write-through", or
// "unavailable" as long as Redis has not been asked.
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
	text, err := b.options.Client.Info(ctx).Result()
	if err != nil && !isReply(err) {
		return unknown, unavailable("ask Redis what it is", err)
	}
	found, reason := judge(text)
	if found == writesThrough {
		waiting, err := b.options.Client.HLen(ctx, b.data).Result()
		if err != nil {
			return unknown, unavailable("ask Redis what waits in it", err)
		}
		if waiting > 0 { // from before; what is put now must not be overtaken by it
			return unknown, ErrFull
		}
	}
	if b.standing.CompareAndSwap(int32(unknown), int32(found)) && reason != "" {
		b.options.Log.WarnContext(ctx, reason, "buffer", b.options.Name)
	}
	return standing(b.standing.Load()), nil
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
