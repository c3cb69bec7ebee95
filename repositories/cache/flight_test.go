package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/tracing"
)

func TestGet_LoadsOnceForAllGoroutinesAndProcesses(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		nodes, s := []*node{newNode(t, url), newNode(t, url)}, new(source)
		for round := range 30 {
			key, begin := fmt.Sprint(round), make(chan struct{})
			s.loads.Store(0)
			var readers sync.WaitGroup
			for i := range 200 {
				readers.Go(func() {
					<-begin
					_, err := nodes[i%2].numbers.Get(t.Context(), key, tags, func(ctx context.Context) (int64, error) {
						time.Sleep(time.Duration(round) * time.Millisecond) // a query takes its time
						return s.load(ctx)
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			readers.Wait()
			if loads := s.loads.Load(); loads != 1 {
				t.Errorf("200 readers of a value that takes %d ms: %d loads, want 1", round, loads)
			}
		}
	})
}

// beforeSecondLook runs once, when a client is about to look a second time.
type beforeSecondLook struct {
	do    func()
	looks int
}

func (*beforeSecondLook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *beforeSecondLook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if command.Name() == "evalsha" {
			if h.looks++; h.looks == 2 {
				h.do()
			}
		}
		return next(ctx, command)
	}
}

func (*beforeSecondLook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Who does not get the lease gives the value that its holder stores.
func TestGet_LoadsNotWhatAnotherProcessLoads(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		first, second, s := newNode(t, url), newNode(t, url), new(source)
		l := first.beginLoad(t, 1)
		second.client.AddHook(&beforeSecondLook{do: func() { l.end(t) }})
		second.gives(t, s, 1)
		if loads := s.loads.Load(); loads != 0 {
			t.Errorf("%d loads", loads)
		}
		if n := first.client.Exists(t.Context(), first.cache.LeaseKey(tags[0], "numbers", "key")).Val(); n != 0 {
			t.Error("the lease is still held")
		}
	})
}

func TestGet_GoesOnWhenTheLoadingProcessIsKilled(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	settings := workerSettings{Redis: redis.URL, Database: truth(t)}
	holder, other := startProcess(t, settings), startProcess(t, settings)
	holder.must("hang")
	client := openClient(t, redis.URL)
	eventually(t, "the load has its lease", func() bool {
		return client.Exists(t.Context(), "test:{truth}:l:numbers:row").Val() == 1
	})
	holder.kill()
	if got := other.ask("get"); got != "0" {
		t.Errorf("another process gives %q", got)
	}
	eventually(t, "others keep the value once the lease has ended", func() bool {
		return other.ask("get") == "0" && other.ask("redis") == "0"
	})
}

// waits counts the callers that have begun to wait.
type waits struct {
	t *testing.T
	n atomic.Int64
}

func newWaits(t *testing.T) *waits { return &waits{t: t} }

func (w *waits) context() context.Context {
	return &waitContext{Context: w.t.Context(), begin: sync.OnceFunc(func() { w.n.Add(1) })}
}

type waitContext struct {
	context.Context
	begin func()
}

func (c *waitContext) Done() <-chan struct{} {
	c.begin()
	return c.Context.Done()
}

// Readers who wait for a load share its failure; the next one tries again.
func TestGet_SharesAFailure(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		finish, begun, failure := make(chan struct{}), make(chan struct{}), errors.New("no such table")
		var loads, failed atomic.Int64
		var readers sync.WaitGroup
		waits := newWaits(t)
		read := func(ctx context.Context) {
			_, err := n.get(ctx, func(context.Context) (int64, error) {
				if loads.Add(1) == 1 {
					close(begun)
				}
				<-finish
				return 0, failure
			})
			if errors.Is(err, failure) {
				failed.Add(1)
			}
		}
		readers.Go(func() { read(t.Context()) })
		<-begun
		for range 20 {
			readers.Go(func() { read(waits.context()) })
		}
		eventually(t, "all wait for the load", func() bool { return waits.n.Load() == 20 })
		close(finish)
		readers.Wait()
		if loads.Load() != 1 || failed.Load() != 21 {
			t.Errorf("%d loads for %d failures, want 1 for 21", loads.Load(), failed.Load())
		}
		n.gives(t, new(source), 0)
	})
}

// A reader who gives up, or panics, hands the load on to one of those who wait.
func TestGet_HandsTheLoadOn(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(cancel func())
	}{
		{"cancelled", func(cancel func()) { cancel() }},
		{"panics", func(func()) { panic("a fault in the load") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				n, s := newNode(t, url), new(source)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begun, finish := make(chan struct{}), make(chan struct{})
				var readers sync.WaitGroup
				readers.Go(func() {
					defer func() { _ = recover() }()
					_, _ = n.get(ctx, func(ctx context.Context) (int64, error) {
						close(begun)
						<-finish
						c.end(cancel)
						return 0, ctx.Err()
					})
				})
				<-begun
				waits := newWaits(t)
				for range 20 {
					readers.Go(func() {
						if got, err := n.get(waits.context(), s.load); err != nil || got != 0 {
							t.Errorf("read %d, %v", got, err)
						}
					})
				}
				eventually(t, "all wait for the load", func() bool { return waits.n.Load() == 20 })
				close(finish)
				readers.Wait()
				if loads := s.loads.Load(); loads != 1 {
					t.Errorf("20 readers loaded %d times, want 1", loads)
				}
				if n := n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val(); n != 0 {
					t.Error("the lease is still held")
				}
			})
		})
	}
}

// Who waits for a look-up that never ends goes on alone in the end.
func TestFind_WaitsForNobodyForEver(t *testing.T) {
	t.Parallel()
	n, s := newNode(t, ownRedis(t)), new(source)
	_, from, _ := n.numbers.Find(t.Context(), "key", tags) // and store is never called
	if from != "" {
		t.Fatalf("found %s", from)
	}
	n.gives(t, s, 0)
}

func TestFind_StoresWhatGetFinds(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, other := newNode(t, url), newNode(t, url)
		_, from, store := n.numbers.Find(t.Context(), "key", tags)
		if from != "" {
			t.Fatalf("found %s", from)
		}
		store(3, time.Minute)
		for _, want := range []struct {
			node *node
			from string
		}{{n, "memory"}, {other, "redis"}, {other, "memory"}} {
			if value, from, _ := want.node.numbers.Find(t.Context(), "key", tags); value != 3 || from != want.from {
				t.Errorf("found %d in %q, want 3 in %q", value, from, want.from)
			}
		}
	})
}

// What nobody may keep is not queued for: each goes on for himself.
func TestFind_DoesNotQueueForWhatIsNotKept(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		_, _, store := n.numbers.Find(t.Context(), "key", tags)
		store(0, 0)
		var stores []func(int64, time.Duration)
		for range 20 { // all at once, of which none has ended
			ctx := tracing.With(t.Context(), new(tracing.Trace))
			_, from, store := n.numbers.Find(ctx, "key", tags)
			if from != "" {
				t.Fatalf("found in %s", from)
			}
			stores = append(stores, store)
		}
		for _, store := range stores {
			store(4, time.Minute)
		}
		if value, held := n.held(t.Context(), true); value != 4 || !held {
			t.Errorf("Redis holds %d, %v: what can be kept after all is not", value, held)
		}
	})
}
