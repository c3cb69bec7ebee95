package cache_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

// Redis being away, or slow, costs time, but never an answer.
func TestGet_AnswersWithoutRedis(t *testing.T) {
	for _, c := range []struct {
		name      string
		out, back func(*devtest.Server, *devtest.SlowRedis)
		void      bool // what Redis held before is not believed after
	}{
		{"stopped", stop, restart, true},
		{"frozen", freeze, thaw, true},
		{"slow by 60 ms", slow(60 * time.Millisecond), slow(0), false},
		{"slow by 400 ms", slow(400 * time.Millisecond), slow(0), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			line := devtest.Slow(t, redis.URL)
			n, s := newNode(t, line.URL), new(source)
			n.gives(t, s, 0)
			c.out(redis, line)
			t.Log("Get without Redis:", n.hammer(t, s))
			if c.void {
				eventually(t, "Redis is missed", func() bool { return n.cache.Pending() > 0 })
			}
			c.back(redis, line)
			back := time.Now()
			n.ready(t)
			t.Logf("Redis is used again after %v", time.Since(back))
			if c.void {
				n.holdsNothing(t)
			}
			n.gives(t, s, 0)
		})
	}
}

func stop(r *devtest.Server, _ *devtest.SlowRedis)    { r.Stop() }
func restart(r *devtest.Server, _ *devtest.SlowRedis) { r.Start() }
func freeze(r *devtest.Server, _ *devtest.SlowRedis)  { r.Signal(syscall.SIGSTOP) }
func thaw(r *devtest.Server, _ *devtest.SlowRedis)    { r.Signal(syscall.SIGCONT) }

func slow(by time.Duration) func(*devtest.Server, *devtest.SlowRedis) {
	return func(_ *devtest.Server, line *devtest.SlowRedis) { line.Delay(by) }
}

// hammer reads many keys at once, each read with a request's budget, and says how
// long they took.
func (n *node) hammer(t *testing.T, s *source) string {
	t.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var readers sync.WaitGroup
	for reader := range 8 {
		readers.Go(func() {
			for i := range 50 {
				begin := time.Now()
				ctx := tracing.With(t.Context(), new(tracing.Trace))
				_, err := n.numbers.Get(ctx, fmt.Sprint(reader, i), tags, s.load)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	readers.Wait()
	slices.Sort(took)
	return fmt.Sprintf("p50 %v, p99 %v, most %v", took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// A Redis that nobody has ever seen is one that is away.
func TestStart_WithoutRedisServesFromTheStore(t *testing.T) {
	t.Parallel()
	n, err := openNode("redis://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	n.cache.Start(t.Context())
	t.Cleanup(func() {
		n.cache.Close()
		_ = n.client.Close()
	})
	s := new(source)
	t.Log("Get with the connection refused:", n.hammer(t, s))

	// The own process's memory is all that there is, and never older than its own writes.
	old := n.beginLoad(t, 0)
	err = n.cache.Write(t.Context(), tags, func(ctx context.Context) error {
		n.gives(t, s, 0)
		return s.set(1)(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	n.gives(t, s, 1)
	_ = n.cache.Invalidate(t.Context(), tags[0])
	older := n.beginLoad(t, 1)
	_ = n.cache.Invalidate(t.Context(), tags[0])
	s.value.Store(2)
	older.end(t)
	old.end(t)
	n.gives(t, s, 2)
}

// A load whose request has used up its time with Redis gives its lease back all
// the same: else others would wait for nobody.
func TestGet_GivesTheLeaseBackBeyondItsBudget(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	trace := new(tracing.Trace)
	ctx := tracing.With(t.Context(), trace)
	_, from, store := n.numbers.Find(ctx, "key", tags)
	if from != "" {
		t.Fatalf("found %s", from)
	}
	trace.WaitedForCache(time.Hour)
	store(1, time.Hour)
	eventually(t, "the lease is free", func() bool {
		return n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val() == 0
	})
	n.gives(t, s, 1) // memory has it for a moment
}

// A Redis that is too slow to be read is still told of a write, in time.
func TestWrite_TellsASlowRedis(t *testing.T) {
	t.Parallel()
	line := devtest.Slow(t, devtest.Redis(t))
	n, s := newNode(t, line.URL, func(o *cache.Options) { o.Budget = 100 * time.Millisecond }), new(source)
	n.gives(t, s, 0)
	line.Delay(100 * time.Millisecond) // each way
	n.cache.Suspend()
	if err := n.cache.Write(t.Context(), tags, s.set(1)); err != nil {
		t.Fatal(err)
	}
	if n.cache.Pending() > 0 {
		t.Error("Redis was not told")
	}
	line.Delay(0)
	n.ready(t)
	n.gives(t, s, 1)
}
