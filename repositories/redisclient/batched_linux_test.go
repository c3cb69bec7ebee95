package redisclient_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/redisclient"
)

func openBatched(t *testing.T, url string) (redis.UniversalClient, redisclient.Batched) {
	t.Helper()
	client := open(t, url)
	return client, redisclient.NewBatched(client)
}

func TestBatched_GivesEachCallerItsOwnValue(t *testing.T) {
	for name, url := range map[string]string{"one server": devtest.Redis(t), "a Cluster": devtest.Cluster(t, 0).URL} {
		t.Run(name, func(t *testing.T) {
			client, together := openBatched(t, url)
			for i := range 100 {
				client.Set(t.Context(), "test:"+strconv.Itoa(i), i, 0)
			}
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					if got, err := together.Get(t.Context(), "test:"+strconv.Itoa(i)).Int(); err != nil || got != i {
						t.Errorf("got %d, %v; want %d", got, err, i)
					}
					if err := together.Get(t.Context(), "test:none").Err(); !errors.Is(err, redis.Nil) {
						t.Errorf("what is not there: %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestBatched_WorksAgainAfterRedisWasAway(t *testing.T) {
	server := devtest.OwnRedis(t)
	_, together := openBatched(t, server.URL)
	get := func() error { return together.Get(context.Background(), "test:none").Err() }
	if err := get(); !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	server.Stop()
	if err := get(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("while Redis is away: %v", err)
	}
	server.Start()
	if err := get(); !errors.Is(err, redis.Nil) {
		t.Errorf("then: %v", err)
	}
}

// gate delays GETs, and counts batches and the commands in them.
type gate struct {
	entered          chan context.Context
	open             chan struct{}
	batches, carried atomic.Int64
}

func (*gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		return g.pass(ctx, []redis.Cmder{command}, func() error { return next(ctx, command) })
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		return g.pass(ctx, commands, func() error { return next(ctx, commands) })
	}
}

func (g *gate) pass(ctx context.Context, commands []redis.Cmder, send func() error) error {
	if commands[0].Name() != "get" { // it opens a connection
		return send()
	}
	g.batches.Add(1)
	g.carried.Add(int64(len(commands)))
	g.entered <- ctx
	select {
	case <-g.open:
		return send()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func gated(t *testing.T) (redisclient.Batched, *gate) {
	client, together := openBatched(t, devtest.Redis(t))
	g := &gate{entered: make(chan context.Context, 10), open: make(chan struct{})}
	client.AddHook(g)
	return together, g
}

// The callers that come while batches are under way are in the next one, unless they leave.
func TestBatched_PutsWaitingCallersIntoOneBatch(t *testing.T) {
	together, g := gated(t)
	get := func(ctx context.Context) error {
		return together.Send(ctx, redis.NewStringCmd(ctx, "get", "test:none"))
	}
	var all sync.WaitGroup
	join := func() {
		all.Go(func() {
			if err := get(t.Context()); !errors.Is(err, redis.Nil) {
				t.Error(err)
			}
		})
	}
	for range redisclient.MaxSending {
		join()
		<-g.entered
	}
	for range 10 {
		join()
	}
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- get(leaving) }()
	for together.Waiting() < 11 {
		time.Sleep(time.Millisecond)
	}
	leave()
	for _, err := range []error{<-left, get(leaving)} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(g.open)
	all.Wait()
	if g.batches.Load() != redisclient.MaxSending+1 || g.carried.Load() != redisclient.MaxSending+10 {
		t.Errorf("%d commands in %d batches, want %d in %d", g.carried.Load(), g.batches.Load(), redisclient.MaxSending+10, redisclient.MaxSending+1)
	}
}

// A caller whose context ends leaves the batch to the others. The last one ends it.
func TestBatched_EndsABatchOnlyForItsLastCaller(t *testing.T) {
	together, g := gated(t)
	get := func(ctx context.Context) error {
		return together.Send(ctx, redis.NewStringCmd(ctx, "get", "test:none"))
	}
	first, leaveFirst := context.WithCancel(t.Context())
	results := make(chan error, redisclient.MaxSending+2)
	for range redisclient.MaxSending {
		go func() { results <- get(first) }()
		<-g.entered
	}
	early, leaveEarly := context.WithCancel(t.Context())
	last, leaveLast := context.WithCancel(t.Context())
	go func() { results <- get(early) }()
	go func() { results <- get(last) }()
	for together.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	leaveFirst()
	held := <-g.entered
	for range redisclient.MaxSending {
		if err := <-results; err == nil {
			t.Error("a caller whose connection hangs is answered")
		}
	}
	leaveEarly()
	if err := <-results; !errors.Is(err, context.Canceled) || held.Err() != nil {
		t.Errorf("the early one: %v; the batch: %v", err, held.Err())
	}
	leaveLast()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("the last one: %v", err)
	}
	<-held.Done()
}
