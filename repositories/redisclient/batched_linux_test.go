package redisclient_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

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
	if testing.Short() {
		t.Skip("takes seconds")
	}
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
		t.Errorf("while Redis is down: %v", err)
	}
	server.Start()
	if err := get(); !errors.Is(err, redis.Nil) {
		t.Errorf("then: %v", err)
	}
}

// gate holds GETs back until it is open, and counts the batches and the commands in them.
type gate struct {
	entered          chan struct{}
	open             chan struct{}
	batches, carried atomic.Int64
}

func (*gate) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		g.pass(command)
		return next(ctx, command)
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		g.pass(commands...)
		return next(ctx, commands)
	}
}

func (g *gate) pass(commands ...redis.Cmder) {
	if commands[0].Name() == "get" { // else it opens a connection
		g.batches.Add(1)
		g.carried.Add(int64(len(commands)))
		g.entered <- struct{}{}
		<-g.open
	}
}

// The callers that come while batches are under way are in the next one, unless they leave.
func TestBatched_PutsWaitingCallersIntoOneBatch(t *testing.T) {
	client, together := openBatched(t, devtest.Redis(t))
	g := &gate{entered: make(chan struct{}, 10), open: make(chan struct{})}
	client.AddHook(g)
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
	const lone, waiting = redisclient.MaxSending, 10
	for range lone {
		join()
		<-g.entered
	}
	for range waiting {
		join()
	}
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- get(leaving) }()
	devtest.Eventually(t, "all wait", func() bool { return together.Waiting() == waiting+1 })
	leave()
	for _, err := range []error{<-left, get(leaving)} {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	close(g.open)
	all.Wait()
	if g.batches.Load() != lone+1 || g.carried.Load() != lone+waiting {
		t.Errorf("%d commands in %d batches, want %d in %d", g.carried.Load(), g.batches.Load(), lone+waiting, lone+1)
	}
}
