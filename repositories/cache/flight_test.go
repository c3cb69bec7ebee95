package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
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

func TestGet_GoesOnWhenTheLoadingProcessIsKilled(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	settings := workerSettings{Redis: redis.URL, Database: truth(t)}
	holder, other := startProcess(t, settings), startProcess(t, settings)
	holder.must("hang")
	client := openClient(t, redis.URL)
	devtest.Eventually(t, "the load has its lease", func() bool {
		return client.Exists(t.Context(), "test:{truth}:l:numbers:row").Val() == 1
	})
	holder.kill()
	if got := other.ask("get"); got != "0" {
		t.Errorf("another process gives %q", got)
	}
	devtest.Eventually(t, "others keep the value once the lease has ended", func() bool {
		return other.ask("get") == "0" && other.ask("redis") == "0"
	})
}

// waits counts the callers that have begun to wait.
type waits struct {
	t *testing.T
	n atomic.Int64
}

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

// A caller who gives up, or panics, hands the load on to one of those who wait. A load
// that fails is not handed on: they share its failure.
func TestGet_HandsTheLoadOnUnlessItFails(t *testing.T) {
	failure := errors.New("no such table")
	for name, c := range map[string]struct {
		end   func(cancel func()) error
		loads int64
	}{
		"cancelled": {func(cancel func()) error { cancel(); return context.Canceled }, 1},
		"panics":    {func(func()) error { panic("a fault in the load") }, 1},
		"fails":     {func(func()) error { return failure }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				n, s := newNode(t, url), new(source)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begun, finish := make(chan struct{}), make(chan struct{})
				var readers sync.WaitGroup
				readers.Go(func() {
					defer func() { _ = recover() }()
					_, _ = n.get(ctx, func(context.Context) (int64, error) {
						close(begun)
						<-finish
						return 0, c.end(cancel)
					})
				})
				<-begun
				waits := waits{t: t}
				for range 20 {
					readers.Go(func() {
						if _, err := n.get(waits.context(), s.load); (err == nil) != (c.loads == 1) {
							t.Errorf("one who waited gets %v", err)
						}
					})
				}
				devtest.Eventually(t, "all wait for the load", func() bool { return waits.n.Load() == 20 })
				close(finish)
				readers.Wait()
				if loads := s.loads.Load(); loads != c.loads {
					t.Errorf("20 readers loaded %d times, want %d", loads, c.loads)
				}
				if n := n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val(); n != 0 {
					t.Error("the lease is still held")
				}
				n.gives(t, s, 0)
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

// What nobody may keep is not queued for: each goes on for himself.
func TestFind_DoesNotQueueForWhatIsNotKept(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		_, _, store := n.numbers.Find(t.Context(), "key", tags)
		store(0, 0)
		var stores []func(int64, time.Duration)
		for range 20 { // all at once, of which none has ended
			ctx := plain(t)
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
