package redisclient

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Batched is a client that sends the commands of many callers together. A caller sends at
// once while at most one other command is under way. Later callers join a batch, which is
// one write and one read for all of them: under load that costs both sides far less than
// a connection for each caller. Batched shares the connections of the client that it wraps.
// A batch that gets no answer may be sent once more. With a Cluster a batch would be as slow
// as the slowest node, so each caller has a pipeline of its own.
type Batched struct {
	redis.UniversalClient
	queue *queue // nil with a Cluster
}

// NewBatched returns a client that batches.
func NewBatched(client redis.UniversalClient) Batched {
	b := Batched{UniversalClient: client}
	if _, single := client.(*redis.Client); single {
		b.queue = &queue{client: client}
	}
	return b
}

// Get sends a GET with those of other callers.
func (b Batched) Get(ctx context.Context, key string) *redis.StringCmd {
	command := redis.NewStringCmd(ctx, "get", key)
	if err := b.Send(ctx, command); err != nil {
		command = redis.NewStringCmd(ctx) // a later answer may still write to the other one
		command.SetErr(err)
	}
	return command
}

// Send sends commands, in this order, and returns the error of the first that has one. When
// ctx ends, a caller in a batch returns at once. The commands may still be under way then,
// so their results must not be read. A caller that sends alone waits for the answer or its
// deadline: to notice a cancellation would take a goroutine, which makes a command three
// times as slow.
func (b Batched) Send(ctx context.Context, commands ...redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.queue == nil {
		return send(ctx, b.UniversalClient, commands)
	}
	return b.queue.do(ctx, commands)
}

func send(ctx context.Context, client redis.UniversalClient, commands []redis.Cmder) error {
	if len(commands) == 1 {
		return client.Process(ctx, commands[0])
	}
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.BatchProcess(ctx, commands...) })
	return err
}

// maxSending limits how many batches and lone callers are under way at once. With one, a
// connection that has died silently would block all callers. With more, batches are smaller.
const maxSending = 2

type queue struct {
	client  redis.UniversalClient
	mu      sync.Mutex
	next    []*caller // who wait for the next batch
	sending int       // batches and lone callers that are under way
}

type caller struct {
	ctx      context.Context
	commands []redis.Cmder
	done     chan struct{}
}

func (q *queue) do(ctx context.Context, commands []redis.Cmder) error {
	c := q.join(ctx, commands)
	if c == nil {
		defer q.sent()
		return send(ctx, q.client, commands)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, command := range commands {
		if err := command.Err(); err != nil {
			return err
		}
	}
	return nil
}

// join adds the caller to the next batch. It returns nil if the caller must send its
// commands itself.
func (q *queue) join(ctx context.Context, commands []redis.Cmder) *caller {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sending < maxSending {
		q.sending++
		return nil
	}
	c := &caller{ctx, commands, make(chan struct{})}
	q.next = append(q.next, c)
	return c
}

// sent is called by a lone caller that has its answer. It starts the next batch.
func (q *queue) sent() {
	if batch := q.take(); batch != nil {
		go q.run(batch)
	}
}

// run sends batches until no caller waits.
func (q *queue) run(batch []*caller) {
	for ; batch != nil; batch = q.take() {
		commands := make([]redis.Cmder, 0, 2*len(batch))
		for _, c := range batch {
			commands = append(commands, c.commands...)
		}
		ctx, cancel := longest(batch)
		_ = send(ctx, q.client, commands) // each command has its own error
		cancel()
		for _, c := range batch {
			close(c.done)
		}
	}
}

// take returns the next batch, without those who have left. If nobody waits it returns nil,
// and one fewer is under way.
func (q *queue) take() []*caller {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := slices.DeleteFunc(q.next, func(c *caller) bool { return c.ctx.Err() != nil })
	if q.next = nil; len(batch) == 0 {
		q.sending--
		return nil
	}
	return batch
}

// longest returns a context with the latest deadline of the callers.
func longest(batch []*caller) (context.Context, context.CancelFunc) {
	var last time.Time
	for _, c := range batch {
		deadline, limited := c.ctx.Deadline()
		if !limited {
			return context.Background(), func() {}
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	return context.WithDeadline(context.Background(), last)
}
