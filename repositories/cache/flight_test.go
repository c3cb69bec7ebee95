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
		for round := range 10 {
			key, begin := fmt.Sprint(round), make(chan struct{})
			s.loads.Store(0)
			var readers sync.WaitGroup
			for i := range 200 {
				readers.Go(func() {
					<-begin
					_, err := nodes[i%2].numbers.Get(t.Context(), key, tags, func(ctx context.Context) (int64, error) {
						time.Sleep(3 * time.Duration(round) * time.Millisecond) // a query takes its time
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
				t.Errorf("round %d: 200 readers made %d loads, want 1", round, loads)
			}
		}
	})
}

func TestGet_GoesOnWhenTheLoadingProcessIsKilled(t *testing.T) {
	takesSeconds(t)
	url := devtest.Redis(t)
	holder, other, s := newNode(t, url), newNode(t, url), new(source)
	old := holder.beginLoad(t, 0)
	if other.client.Exists(t.Context(), other.cache.LeaseKey(tags[0], "numbers", "key")).Val() != 1 {
		t.Fatal("the load has no lease")
	}
	holder.die()
	other.gives(t, s, 0)
	devtest.Eventually(t, "others cache the value once the lease has expired", func() bool {
		other.gives(t, s, 0)
		_, held := other.held(t.Context(), true)
		return held
	})
	old.end(t)
}

// waitContext tells when a caller begins to wait.
type waitContext struct {
	context.Context
	begin func()
}

func (c *waitContext) Done() <-chan struct{} {
	c.begin()
	return c.Context.Done()
}

// If a caller gives up, or panics, one of those who wait loads. They share the failure of a
// load.
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
			n, s := newNode(t, devtest.Redis(t)), new(source)
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
			var waiting atomic.Int64
			for range 20 {
				ctx := &waitContext{t.Context(), sync.OnceFunc(func() { waiting.Add(1) })}
				readers.Go(func() {
					if _, err := n.get(ctx, s.load); (err == nil) != (c.loads == 1) {
						t.Errorf("one who waited gets %v", err)
					}
				})
			}
			devtest.Eventually(t, "all wait for the load", func() bool { return waiting.Load() == 20 })
			close(finish)
			readers.Wait()
			if loads := s.loads.Load(); loads != c.loads {
				t.Errorf("20 readers loaded %d times, want %d", loads, c.loads)
			}
			if n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val() != 0 {
				t.Error("the lease is still held")
			}
			n.gives(t, s, 0)
		})
	}
}

// A caller that waits for a look-up that never ends continues alone in the end.
func TestFind_WaitsForNobodyForEver(t *testing.T) {
	takesSeconds(t)
	n, s := newNode(t, devtest.Redis(t)), new(source)
	if _, from, _ := n.numbers.Find(t.Context(), "key", tags); from != "" { // and store is never called
		t.Fatalf("found %s", from)
	}
	n.gives(t, s, 0)
}

// After a value that must not be cached, callers do not wait for each other.
func TestFind_DoesNotQueueForWhatIsNotCached(t *testing.T) {
	n := newNode(t, devtest.Redis(t))
	_, _, store := n.numbers.Find(t.Context(), "key", tags)
	store(0, 0)
	var stores []func(int64, time.Duration)
	for range 20 { // all at once, of which none has ended
		_, from, store := n.numbers.Find(plain(t), "key", tags)
		if from != "" {
			t.Fatalf("found in %s", from)
		}
		stores = append(stores, store)
	}
	for _, store := range stores {
		store(4, time.Minute)
	}
	if value, held := n.held(t.Context(), true); value != 4 || !held {
		t.Errorf("Redis holds %d, %v: what can be cached after all is not", value, held)
	}
}
