package writebehind

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/once"
)

// Put keeps a value until it is stored; an older one of the same key that still
// waits gives way. It returns how many keys are waiting then, so that the caller
// can have a full batch stored at once. Without room it returns [ErrFull], while
// Redis is away services.ErrUnavailable; nobody may count on the value then.
func (b *Buffer[K, V]) Put(ctx context.Context, key K, value V) (depth int, err error) {
	switch standing, err := b.ask(ctx); {
	case err != nil:
		b.metrics.puts.WithLabelValues("unavailable").Inc()
		return 0, err
	case standing == writesThrough:
		b.metrics.puts.WithLabelValues("through").Inc()
		return 0, b.writeThrough(ctx, key, value)
	}
	field, text, err := encode(key, value)
	if err != nil {
		return 0, err
	}
	depth, err = b.put(ctx, field, text)
	if err == nil && depth == putFull {
		b.metrics.puts.WithLabelValues("full").Inc()
		return 0, ErrFull
	}
	taken := err == nil || !untaken(err) // or may be
	if err != nil {
		err = unavailable("put a write", err)
	}
	if taken {
		err = errors.Join(err, b.options.Changed(ctx, []K{key}))
	}
	if err != nil {
		b.metrics.puts.WithLabelValues("unavailable").Inc()
		return 0, err
	}
	b.metrics.puts.WithLabelValues("kept").Inc()
	return depth, nil
}

const (
	putTimeout = time.Second
	tryTimeout = putTimeout / 2
)

var errLate = errors.New("it reached Redis after its deadline")

// put tries until Redis has answered or putTimeout is over.
func (b *Buffer[K, V]) put(ctx context.Context, field, text string) (depth int, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	for {
		depth, err = b.tryPut(ctx, field, text)
		if err == nil || untaken(err) || ctx.Err() != nil {
			return depth, err
		}
	}
}

// tryPut sends a put once. A network may deliver it long after we have given up,
// when a newer one has been acknowledged; so Redis refuses it after a deadline by
// its own clock, and tryPut gives up no earlier. Without a recent answer the deadline
// is too early: Redis refuses the put and tells its time, and put tries again. So it is
// for the first put of a process, and after some seconds without one.
func (b *Buffer[K, V]) tryPut(ctx context.Context, field, text string) (depth int, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	client := once.Client{UniversalClient: b.options.Client}
	reply, err := put.Run(
		ctx, client, b.keys(), field, text, b.options.MaxPending, b.clock.at(deadline)).Int64Slice()
	if err != nil {
		if !untaken(err) {
			time.Sleep(time.Until(deadline))
		}
		return 0, err
	}
	b.clock.learn(reply[1])
	if reply[0] == putLate {
		return 0, errLate
	}
	return int(reply[0]), nil
}

// untaken reports whether Redis has not taken a command and never will: it answered
// with an error, or there was no connection.
func untaken(err error) bool {
	if _, replied := errors.AsType[redis.Error](err); replied {
		return true
	}
	network, ok := errors.AsType[*net.OpError](err)
	return ok && network.Op == "dial"
}
