package writebehind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/transaction"
)

// Put keeps a value until it is stored. It replaces an older value of the key that still
// waits. It returns how many keys wait now, so that the caller can have a full batch stored
// at once. It returns [ErrFull] if there is no room, and problem.ErrUnavailable if Redis is
// down: then the put may have taken effect before Put returns, but never does after. If Redis
// may evict writes, Put stores the value at once, and fails while an older one waits.
// A put is no part of a transaction: a rollback does not undo it.
func (b *Buffer[K, V]) Put(ctx context.Context, key K, value V) (depth int, err error) {
	field, err := json.Marshal(key)
	if err != nil {
		return 0, fmt.Errorf("encode a key: %w", err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return 0, fmt.Errorf("encode a value: %w", err)
	}
	outcome := "unavailable"
	defer func() { b.metrics.puts.WithLabelValues(outcome).Inc() }()
	if err := b.detectMode(ctx); err != nil {
		return 0, err
	}
	if b.Mode() == modeWriteThrough {
		outcome = "write_through"
		err := b.storeAtOnce(ctx, key, string(field), value)
		if err != nil {
			outcome = "write_through_failed"
		}
		return 0, err
	}
	transaction.From(ctx).MarkExternal()
	depth, invalidated, err := b.put(ctx, key, string(field), string(encoded))
	if depth == putFull {
		outcome = "full"
		return 0, ErrFull
	}
	if !invalidated && (err == nil || !notTaken(err)) {
		err = errors.Join(err, b.options.Invalidate(ctx, []K{key}))
	}
	if err != nil {
		return 0, unavailable("put a write", err)
	}
	outcome = "buffered"
	return depth, nil
}

const (
	putTimeout = time.Second
	tryTimeout = putTimeout / 2
)

var errLate = errors.New("the put reached Redis after its deadline")

// put tries until Redis has answered or putTimeout is over.
func (b *Buffer[K, V]) put(ctx context.Context, key K, field, encoded string) (depth int, invalidated bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	for {
		depth, invalidated, err = b.tryPut(ctx, key, field, encoded)
		if err == nil || notTaken(err) || ctx.Err() != nil {
			return depth, invalidated, err
		}
	}
}

// tryPut sends a put once. The network may deliver it long after its timeout, when a newer
// put has been acknowledged. So Redis refuses a put after a deadline by Redis' own clock, and
// tryPut waits at least until then. Without a recent answer of Redis the deadline is too
// early: Redis refuses the put and returns its time, and put tries again. That happens to
// the first put of a process, and to one after a pause of some seconds.
//
// The key is invalidated in the same round trip only if the last put left much room: a put
// that Redis refuses changes nothing, and must not cost readers their cached values.
func (b *Buffer[K, V]) tryPut(
	ctx context.Context, key K, field, encoded string,
) (depth int, invalidated bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	client := redisclient.Once{UniversalClient: b.options.Client}
	if b.hasRoom.Load() && b.options.PutAndInvalidate != nil {
		client.UniversalClient = sender{b.options.Client, func(ctx context.Context, put redis.Cmder) (err error) {
			invalidated, err = b.options.PutAndInvalidate(ctx, put, key)
			return err
		}}
	}
	// Run ends in client.Process. The sender hands that command to PutAndInvalidate, which
	// pipelines it with the invalidation.
	reply, err := putScript.Run(
		ctx, client, b.keys(b.pending), field, encoded, b.options.MaxPending, b.clock.earliest(deadline)).Int64Slice()
	b.hasRoom.Store(err == nil && reply[0] >= 0 && reply[0] < int64(b.options.MaxPending)/2)
	if err != nil {
		if !notTaken(err) {
			time.Sleep(time.Until(deadline))
		}
		return 0, false, err
	}
	b.clock.set(reply[1])
	if reply[0] == putLate {
		return 0, false, errLate
	}
	return int(reply[0]), invalidated, nil
}

// sender is a client that sends single commands by a function.
type sender struct {
	redis.UniversalClient
	send func(ctx context.Context, command redis.Cmder) error
}

// Process sends a command.
func (s sender) Process(ctx context.Context, command redis.Cmder) error { return s.send(ctx, command) }

// notTaken reports whether Redis has not executed a command and never will: it answered with
// an error, or there was no connection. It is false for errLate: put tries again then, and an
// earlier try may have been executed.
func notTaken(err error) bool {
	if _, answered := errors.AsType[redis.Error](err); answered {
		return true
	}
	network, ok := errors.AsType[*net.OpError](err)
	return ok && network.Op == "dial"
}

// clock estimates Redis' clock from its last answer and the time since then. It does not use
// this machine's time of day.
type clock struct{ last atomic.Pointer[reading] }

type reading struct {
	redis int64     // its time, in microseconds
	at    time.Time // when the answer came
}

func (c *clock) set(redis int64) { c.last.Store(&reading{redis: redis, at: time.Now()}) }

// earliest returns a time that Redis' clock has reached at the moment, in microseconds. It
// is 0 before the first answer.
func (c *clock) earliest(moment time.Time) int64 {
	last := c.last.Load()
	if last == nil {
		return 0
	}
	now := time.Now()
	passed := now.Sub(last.at)
	passed -= passed / 10 // a clock that is being adjusted may run slower by that much
	return last.redis + (passed + moment.Sub(now)).Microseconds()
}
