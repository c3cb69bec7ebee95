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

// outage is what is wrong with a server, or with the line to it.
type outage struct {
	begin, end func(*devtest.Server, *devtest.SlowRedis)
}

var (
	stopped = outage{
		func(r *devtest.Server, _ *devtest.SlowRedis) { r.Stop() },
		func(r *devtest.Server, _ *devtest.SlowRedis) { r.Start() },
	}
	frozen = outage{
		func(r *devtest.Server, _ *devtest.SlowRedis) { r.Signal(syscall.SIGSTOP) },
		func(r *devtest.Server, _ *devtest.SlowRedis) { r.Signal(syscall.SIGCONT) },
	}
)

func slow(by time.Duration) outage {
	return outage{
		func(_ *devtest.Server, line *devtest.SlowRedis) { line.Delay(by) },
		func(_ *devtest.Server, line *devtest.SlowRedis) { line.Delay(0) },
	}
}

// Redis being away, or slow, costs time, but never an answer.
func TestGet_AnswersWithoutRedis(t *testing.T) {
	takesSeconds(t)
	for name, c := range map[string]struct {
		outage
		void bool // what Redis held before is not given after
	}{
		"stopped":        {stopped, true},
		"frozen":         {frozen, true},
		"slow by 60 ms":  {slow(60 * time.Millisecond), false},
		"slow by 400 ms": {slow(400 * time.Millisecond), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := devtest.OwnRedis(t)
			line := devtest.Slow(t, redis.URL)
			n, s := newNode(t, line.URL), new(source)
			n.gives(t, s, 0)
			c.begin(redis, line)
			n.hammer(t, s)
			if c.void {
				devtest.Eventually(t, "Redis is missed", func() bool { return n.cache.Pending() > 0 })
			}
			c.end(redis, line)
			n.ready(t)
			if c.void {
				n.holdsNothing(t)
			}
			n.gives(t, s, 0)
		})
	}
}

// hammer reads many keys at once, each with the budget of a request.
func (n *node) hammer(t *testing.T, s *source) {
	t.Helper()
	var readers sync.WaitGroup
	for reader := range 8 {
		readers.Go(func() {
			for i := range 50 {
				if _, err := n.numbers.Get(plain(t), fmt.Sprint(reader, i), tags, s.load); err != nil {
					t.Error(err)
				}
			}
		})
	}
	readers.Wait()
}

// Without Redis the memory of the process is all that there is, and never older than the
// process's own writes.
func TestStart_WithoutRedisServesFromTheStore(t *testing.T) {
	t.Parallel()
	n, s := openNode(t, "redis://127.0.0.1:1"), new(source)
	n.cache.Start(t.Context())
	n.hammer(t, s)
	old := n.beginLoad(t, 0)
	err := n.cache.Write(t.Context(), tags, func(ctx context.Context) error {
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

// A load whose request has used up its budget returns its lease all the same: others wait
// for it.
func TestGet_ReturnsTheLeaseBeyondItsBudget(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	trace := new(tracing.Trace)
	_, from, store := n.numbers.Find(tracing.With(t.Context(), trace), "key", tags)
	if from != "" {
		t.Fatalf("found %s", from)
	}
	trace.WaitedForCache(time.Hour)
	store(1, time.Hour)
	devtest.Eventually(t, "the lease is free", func() bool {
		return n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val() == 0
	})
	n.gives(t, s, 1)
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

// Messages that are sent while the connection of the subscription is broken are lost.
func TestSubscription_BrokenDuringWritesLeavesNothingStale(t *testing.T) {
	t.Parallel()
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
		reader.soonGives(t, s, value+1)
	}
}

// Whatever key Redis loses, an entry, a generation, a lease or a tombstone, it costs a miss.
func TestRedis_MayLoseAnyKey(t *testing.T) {
	t.Parallel()
	url := devtest.Redis(t)
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

// Else the first values, which the subscription voids, would be loaded twice.
func TestStart_WaitsForTheSubscription(t *testing.T) {
	t.Parallel()
	url := devtest.Redis(t)
	for range 20 { // a few would subscribe in time by chance
		c := cache.New(cache.Options{
			Client: openClient(t, url), Prefix: "subscribes:", MemoryTTL: time.Minute, MaxItems: 10, MaxBytes: 1 << 20,
			ValueLimit: 1 << 16, Budget: time.Second,
		})
		c.Start(t.Context())
		if c.Usable() && !c.Hearing() {
			t.Error("it has started, and hears of no invalidations")
		}
		c.Close()
	}
}

// The epoch, whose end would void all values, does not expire while a process runs.
func TestStart_RenewsTheEpoch(t *testing.T) {
	t.Parallel()
	n, s := newNode(t, devtest.Redis(t)), new(source)
	n.gives(t, s, 0)
	epoch := n.cache.GenerationKey(cache.Everything)
	if !n.client.Expire(t.Context(), epoch, time.Minute).Val() {
		t.Fatal("there is no epoch")
	}
	devtest.Eventually(t, "the epoch lasts longer again", func() bool {
		return n.client.TTL(t.Context(), epoch).Val() > time.Hour
	})
}

// A process that starts uses what it finds in Redis only if another one has been connected
// to this server until now.
func TestStart_UsesOnlyWhatSomebodyHasWatched(t *testing.T) {
	t.Parallel()
	url, s := devtest.Redis(t), new(source)
	first := newNode(t, url)
	first.gives(t, s, 0)
	second := newNode(t, url)
	if _, held := second.held(t.Context(), true); !held {
		t.Error("what a living process watches over is not used")
	}
	first.cache.Close()
	second.cache.Close()
	const heartbeat = "test:heartbeat"
	if left := first.client.PTTL(t.Context(), heartbeat).Val(); left <= 0 || left > 5*time.Second {
		t.Errorf("the last heartbeat stays for %v", left)
	}
	for name, change := range map[string]func() error{
		"another server": func() error { return first.client.Set(t.Context(), heartbeat, "another", time.Minute).Err() },
		"no heartbeat":   func() error { return first.client.Del(t.Context(), heartbeat).Err() },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		n := newNode(t, url)
		if _, held := n.held(t.Context(), true); held {
			t.Errorf("%s: what nobody has watched is used", name)
		}
		n.gives(t, s, 0)
		n.cache.Close()
	}
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
