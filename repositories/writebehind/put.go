package writebehind

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

// Put keeps a value until it is stored; an older one of the same key that still
// waits gives way. It returns how many keys are waiting then, so that the caller
// can have a full batch stored at once. Without room it returns [ErrFull], while
// Redis is away problem.ErrUnavailable; nobody may count on the value then.
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
	depth, told, err := b.put(ctx, key, field, text)
	if err == nil && depth == putFull {
		b.metrics.puts.WithLabelValues("full").Inc()
		return 0, ErrFull
	}
	taken := err == nil || !untaken(err) // or may be
	if err != nil {
		err = unavailable("put a write", err)
	}
	if taken && !told {
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
func (b *Buffer[K, V]) put(ctx context.Context, key K, field, text string) (depth int, told bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	for {
		depth, told, err = b.tryPut(ctx, key, field, text)
		if err == nil || untaken(err) || ctx.Err() != nil {
			return depth, told, err
		}
	}
}

// tryPut sends a put once. A network may deliver it long after we have given up,
// when a newer one has been acknowledged; so Redis refuses it after a deadline by
// its own clock, and tryPut gives up no earlier. Without a recent answer the deadline
// is too early: Redis refuses the put and tells its time, and put tries again. So it is
// for the first put of a process, and after some seconds without one.
//
// Caches are told by the way where the last put was taken and there is much room. A
// put that is refused changes nothing, and must not cost readers what they have.
func (b *Buffer[K, V]) tryPut(ctx context.Context, key K, field, text string) (depth int, told bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	client := redisclient.Once{UniversalClient: b.options.Client}
	if b.ample.Load() && b.options.Send != nil {
		client.UniversalClient = sender{b.options.Client, func(ctx context.Context, put redis.Cmder) (err error) {
			told, err = b.options.Send(ctx, put, key)
			return err
		}}
	}
	reply, err := put.Run(
		ctx, client, b.keys(), field, text, b.options.MaxPending, b.clock.at(deadline)).Int64Slice()
	b.ample.Store(err == nil && reply[0] >= 0 && reply[0] < int64(b.options.MaxPending)/2)
	if err != nil {
		if !untaken(err) {
			time.Sleep(time.Until(deadline))
		}
		return 0, false, err
	}
	b.clock.learn(reply[1])
	if reply[0] == putLate {
		return 0, false, errLate
	}
	return int(reply[0]), told, nil
}

// sender is a client that sends single commands by a function.
type sender struct {
	redis.UniversalClient
	send func(ctx context.Context, command redis.Cmder) error
}

// Process is part of redis.UniversalClient.
func (s sender) Process(ctx context.Context, command redis.Cmder) error {
	return s.send(ctx, command)
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
