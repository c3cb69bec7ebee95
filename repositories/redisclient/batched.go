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

// Send sends commands, in this order, and returns the error of the first that has one. In
// a batch it waits no longer than ctx allows; then the commands may still be under way,
// and their results must not be read. Alone, it heeds ctx as go-redis does: its deadline.
func (b Batched) Send(ctx context.Context, commands ...redis.Cmder) error {
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

// lanes is how much may be on its way at once: with one, a connection that has died
// without a word would hold back everybody; the more there are, the smaller the batches.
const lanes = 2

// queue holds the callers of the next batch. There are never more than wait for it.
type queue struct {
	client  redis.UniversalClient
	mu      sync.Mutex
	next    *batch
	sending int // how many are on their way
}

// batch is sent for as long as the caller with the most time has, or until nobody waits for it.
type batch struct {
	callers []*caller
	waiting int
	cancel  context.CancelFunc // once it is sent
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

// join returns the batch that is sent next, or nil where a lane is free: then the caller
// sends its commands itself.
func (q *queue) join(ctx context.Context, commands []redis.Cmder) (*batch, *caller) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sending < lanes {
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

// sent sends the next batch, if there is one, by the lane that has become free.
func (q *queue) sent() {
	if b, ctx := q.take(); b != nil {
		go q.run(ctx, b)
	}
}

// run sends batches until nobody is left.
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

// take returns the next batch, or nil: then the lane is free.
func (q *queue) take() (*batch, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.next
	if q.next = nil; b == nil || len(b.callers) == 0 {
		q.sending--
		return nil, nil
	}
	var ctx context.Context
	ctx, b.cancel = b.context()
	return b, ctx
}

func (b *batch) context() (context.Context, context.CancelFunc) {
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
