package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
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
		void      bool // what Redis held before is not given after
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
			n.hammer(t, s)
			if c.void {
				devtest.Eventually(t, "Redis is missed", func() bool { return n.cache.Pending() > 0 })
			}
			c.back(redis, line)
			n.ready(t)
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

// hammer reads many keys at once, each with the budget of a request.
func (n *node) hammer(t *testing.T, s *source) {
	t.Helper()
	var readers sync.WaitGroup
	for reader := range 8 {
		readers.Go(func() {
			for i := range 50 {
				ctx := plain(t)
				if _, err := n.numbers.Get(ctx, fmt.Sprint(reader, i), tags, s.load); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
}

// A Redis that nobody has ever seen is one that is away: the memory of the process is all
// that there is, and never older than its own writes.
func TestStart_WithoutRedisServesFromTheStore(t *testing.T) {
	t.Parallel()
	n, err := openNode("redis://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	n.cache.Start(t.Context())
	t.Cleanup(n.cache.Close)
	s := new(source)
	n.hammer(t, s)
	old := n.beginLoad(t, 0)
	err = n.cache.Write(t.Context(), tags, func(ctx context.Context) error {
		n.gives(t, s, 0)
		return s.set(1)(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	n.gives(t, s, 1)
	old.end(t)
	n.gives(t, s, 1)
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
	devtest.Eventually(t, "the lease is free", func() bool {
		return n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val() == 0
	})
	n.gives(t, s, 1) // memory has it for a moment
}

// A Redis that is too slow to be read still gets every invalidation.
func TestWrite_ReachesASlowRedis(t *testing.T) {
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
		t.Error("the invalidation did not reach Redis")
	}
	line.Delay(0)
	n.ready(t)
	n.gives(t, s, 1)
}

// What is sent while the connection of the subscription is broken is lost; what it was
// about must not stay.
func TestSubscription_BrokenDuringWritesLeavesNothingStale(t *testing.T) {
	url := ownRedis(t)
	writer, reader, s := newNode(t, url), newNode(t, url), new(source)
	for value := range int64(100) {
		reader.gives(t, s, value)
		if err := writer.client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
			t.Error(err)
		}
		if err := writer.cache.Write(t.Context(), tags, s.set(value+1)); err != nil {
			t.Fatal(err)
		}
		devtest.Eventually(t, "the other process gives the new value", func() bool {
			got, err := reader.get(t.Context(), s.load)
			return err == nil && got == value+1
		})
	}
}

// Whatever key Redis loses, an entry, a generation, a lease or a tombstone, it costs a miss.
func TestRedis_MayLoseAnyKey(t *testing.T) {
	url := ownRedis(t)
	nodes, client := []*node{newNode(t, url), newNode(t, url)}, openClient(t, url)
	var things [4]source
	tagsOf := func(i int) []string { return []string{fmt.Sprint("key", i), "keys"} }
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for worker := range 8 {
		n := nodes[worker%2]
		work.Go(func() {
			for ctx.Err() == nil {
				i := rand.N(len(things))
				if worker < 2 {
					_ = n.cache.Write(context.Background(), tagsOf(i)[:1], things[i].set(things[i].value.Load()+1))
					time.Sleep(rand.N(10 * time.Millisecond))
					continue
				}
				_, _ = n.numbers.Get(context.Background(), fmt.Sprint(i), tagsOf(i), func(ctx context.Context) (int64, error) {
					defer time.Sleep(rand.N(3 * time.Millisecond))
					return things[i].load(ctx)
				})
			}
		})
	}
	for lost := int64(0); lost < 2000; {
		if key := client.RandomKey(t.Context()).Val(); key != "" {
			lost += client.Del(t.Context(), key).Val()
		}
	}
	stop()
	work.Wait()
	for _, n := range nodes {
		for i := range things {
			is := func(ctx context.Context) bool {
				got, err := n.numbers.Get(ctx, fmt.Sprint(i), tagsOf(i), loadNothing)
				return err != nil || got == things[i].value.Load()
			}
			devtest.Eventually(t, "memory has heard of the last write", func() bool { return is(t.Context()) })
			if !is(fresh(t)) {
				t.Errorf("Redis has an older value of %d", i)
			}
		}
	}
}

// The epoch does not end by itself, and all that is kept with it.
func TestStart_KeepsTheEpoch(t *testing.T) {
	t.Parallel()
	n, s := newNode(t, ownRedis(t)), new(source)
	n.gives(t, s, 0)
	epoch := n.cache.GenerationKey(cache.Everything)
	if !n.client.Expire(t.Context(), epoch, time.Minute).Val() {
		t.Fatal("there is no epoch")
	}
	devtest.Eventually(t, "the epoch lasts longer again", func() bool {
		return n.client.TTL(t.Context(), epoch).Val() > time.Hour
	})
}

// A process that starts where nobody has watched believes nothing that it finds, nor
// what a server holds that was started after the watching.
func TestStart_UsesOnlyWhatSomebodyHasWatched(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	s := new(source)
	first := newNode(t, redis.URL)
	first.gives(t, s, 0)
	second := newNode(t, redis.URL)
	if _, held := second.held(t.Context(), true); !held {
		t.Error("what a living process watches over is not used")
	}
	first.cache.Close()
	second.cache.Close()
	if err := first.client.Set(t.Context(), "test:heartbeat", "another server", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	third := newNode(t, redis.URL)
	third.holdsNothing(t)
	third.gives(t, s, 0)
	third.cache.Close()
	devtest.Eventually(t, "the last heartbeat has expired", func() bool {
		return first.client.Exists(t.Context(), "test:heartbeat").Val() == 0
	})
	newNode(t, redis.URL).holdsNothing(t)
}

func TestClose_LeavesNoGoroutines(t *testing.T) {
	redis := devtest.OwnRedis(t)
	before := runtime.NumGoroutine()
	for _, broken := range []bool{false, true} {
		n, s := newNode(t, redis.URL), new(source)
		n.gives(t, s, 0)
		if broken {
			redis.Stop()
			n.gives(t, s, 0)
		}
		n.cache.Close()
		_ = n.client.Close()
	}
	devtest.Eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}
