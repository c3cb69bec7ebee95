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
	next    *batch // nil if no caller waits
	sending int    // batches and lone callers that are under way
}

// batch ends with the latest deadline of its callers, or when no caller waits for it.
type batch struct {
	callers []*caller
	waiting int
	cancel  context.CancelFunc // nil until it is sent
}

type caller struct {
	ctx      context.Context
	commands []redis.Cmder
	done     chan struct{}
}

func (q *queue) do(ctx context.Context, commands []redis.Cmder) error {
	b, c := q.join(ctx, commands)
	if b == nil {
		defer q.sent()
		return send(ctx, q.client, commands)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		q.leave(b, c)
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
func (q *queue) join(ctx context.Context, commands []redis.Cmder) (*batch, *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sending < maxSending {
		q.sending++
		return nil, nil
	}
	if q.next == nil {
		q.next = new(batch)
	}
	c := &caller{ctx, commands, make(chan struct{})}
	q.next.callers = append(q.next.callers, c)
	q.next.waiting++
	return q.next, c
}

func (q *queue) leave(b *batch, c *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.waiting--
	switch {
	case b.cancel == nil:
		b.callers = slices.DeleteFunc(b.callers, func(other *caller) bool { return other == c })
	case b.waiting == 0:
		b.cancel()
	}
}

// sent is called by a lone caller that has its answer. It starts the next batch.
func (q *queue) sent() {
	if b, ctx := q.take(); b != nil {
		go q.run(ctx, b)
	}
}

// run sends batches until no caller waits.
func (q *queue) run(ctx context.Context, b *batch) {
	for ; b != nil; b, ctx = q.take() {
		commands := make([]redis.Cmder, 0, 2*len(b.callers))
		for _, c := range b.callers {
			commands = append(commands, c.commands...)
		}
		_ = send(ctx, q.client, commands) // each command has its own error
		for _, c := range b.callers {
			close(c.done)
		}
		b.cancel()
	}
}

// take returns the next batch. Without one it returns nil, and one fewer is under way.
func (q *queue) take() (*batch, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.next
	if q.next = nil; b == nil || len(b.callers) == 0 {
		q.sending--
		return nil, nil
	}
	var ctx context.Context
	ctx, b.cancel = b.newContext()
	return b, ctx
}

func (b *batch) newContext() (context.Context, context.CancelFunc) {
	var last time.Time
	for _, c := range b.callers {
		deadline, limited := c.ctx.Deadline()
		if !limited {
			return context.WithCancel(context.Background())
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	return context.WithDeadline(context.Background(), last)
}
