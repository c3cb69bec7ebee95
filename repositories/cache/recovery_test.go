package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

const (
	usualBudget = 300 * time.Millisecond
	noLimit     = time.Hour // a budget that no test uses up
)

// reads asks that n reads of keys that nobody has read are answered by the source.
func (n *node) reads(ctx context.Context, t testing.TB, s *source, times int) {
	t.Helper()
	for range times {
		key := fmt.Sprint("read ", s.loads.Load())
		if got, err := n.numbers.Get(ctx, key, tags, s.load); err != nil || got != s.value.Load() {
			t.Errorf("read %d, %v; want %d", got, err, s.value.Load())
		}
	}
}

// A request pays for a Redis that does not answer once, not with every read.
func TestGet_WaitsForRedisNoMoreOnceTheBudgetIsSpent(t *testing.T) {
	t.Parallel()
	n := quietNode(t, devtest.Redis(t), 50*time.Millisecond)
	s := new(source)
	s.value.Store(7)
	n.valve.shut(stall)
	for range 2 {
		request := plain(t)
		if calls := n.valve.during(func() { n.reads(request, t, s, 1) }); calls != 1 {
			t.Errorf("a request's first read makes %d calls", calls)
		}
		if calls := n.valve.during(func() { n.reads(request, t, s, 10) }); calls != 0 {
			t.Errorf("a request whose budget is spent makes %d calls", calls)
		}
	}
	if !n.cache.Usable() {
		t.Error("it is the breaker that has kept the calls back")
	}
}

// The third failure in a row is the last one that anybody waits for, until Redis is well
// again. Its entries are as good then as before.
func TestGet_AsksRedisNoMoreAfterFailuresInARow(t *testing.T) {
	takesSeconds(t)
	for name, fault := range map[string]fault{"refused": refuse, "unanswered": stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := quietNode(t, devtest.Redis(t), usualBudget)
			s := new(source)
			fails := func(times int, used bool) {
				t.Helper()
				n.valve.shut(fault)
				calls := n.valve.during(func() { n.reads(t.Context(), t, s, times) })
				if int(calls) != times || n.cache.Usable() != used {
					t.Errorf("%d reads: %d calls, Redis is used: %v", times, calls, n.cache.Usable())
				}
			}
			n.gives(t, s, 0)
			fails(2, true)
			n.valve.open()
			n.reads(t.Context(), t, s, 1) // not in a row any more
			fails(2, true)
			fails(1, false)
			if calls := n.valve.during(func() { n.reads(t.Context(), t, s, 10) }); calls != 0 {
				t.Errorf("%d calls to a Redis that is not used", calls)
			}
			if n.cache.Recover(t.Context()); n.cache.Usable() {
				t.Error("Redis is used, though it still fails")
			}
			n.valve.open()
			if n.cache.Recover(t.Context()); !n.cache.Usable() {
				t.Fatal("Redis is well again, and not used")
			}
			fails(2, true)
			n.valve.open()
			if _, held := n.held(t.Context(), true); !held {
				t.Error("a slow Redis has been taken for a void one")
			}
		})
	}
}

// A caller without time for Redis is no failure of Redis.
func TestGet_BlamesRedisForNoCallersHaste(t *testing.T) {
	waited := func(part time.Duration) context.Context {
		trace := new(tracing.Trace)
		trace.WaitedForCache(part)
		return tracing.With(context.Background(), trace)
	}
	for _, c := range []struct {
		name    string
		request context.Context
		time    time.Duration
		fault   fault
		blamed  bool
	}{
		{"gone", context.Background(), 100 * time.Millisecond, stall, false},
		{"little budget left", waited(noLimit * 6 / 10), noLimit, refuse, false},
		{"enough budget left", waited(noLimit * 4 / 10), noLimit, refuse, true},
	} {
		n, s := quietNode(t, devtest.Redis(t), noLimit), new(source)
		n.valve.shut(c.fault)
		for i := range 3 {
			request, cancel := context.WithTimeout(c.request, c.time)
			if calls := n.valve.during(func() { n.reads(request, t, s, 1) }); calls != 1 {
				t.Errorf("%s: read %d makes %d calls", c.name, i, calls)
			}
			cancel()
		}
		if n.cache.Usable() == c.blamed {
			t.Errorf("%s: Redis is blamed: %v", c.name, !n.cache.Usable())
		}
	}
}

// A write whose invalidation did not reach Redis succeeds, and Redis gets it before this process
// reads it again.
func TestWrite_ThatDidNotReachRedisIsSentBeforeRedisIsRead(t *testing.T) {
	takesSeconds(t)
	for name, c := range map[string]struct{ before, during bool }{ // the valve is shut
		"Write": {true, true}, "its begin": {true, false}, "its end": {false, true},
	} {
		for faulty, f := range map[string]fault{"refused": refuse, "unanswered": stall} {
			t.Run(name+" "+faulty, func(t *testing.T) {
				t.Parallel()
				url, s := devtest.Redis(t), new(source)
				n, other := quietNode(t, url, usualBudget), quietNode(t, url, usualBudget)
				n.gives(t, s, 0)
				if c.before {
					n.valve.shut(f)
				}
				_ = n.cache.Write(t.Context(), tags, func(ctx context.Context) error {
					n.valve.open()
					for _, tag := range tags { // Redis loses the tombstones, and others cache the older value
						n.client.Del(ctx, n.cache.GenerationKey(tag))
					}
					other.gives(t, s, 0)
					if c.during {
						n.valve.shut(f)
					}
					return s.set(1)(ctx)
				})
				n.valve.open()
				if calls := n.valve.during(func() { n.gives(t, s, 1) }); calls != 0 {
					t.Errorf("a read asks a Redis that may be behind, %d times", calls)
				}
				if n.cache.Recover(t.Context()); !n.cache.Usable() {
					t.Fatal("Redis is well again, and not read")
				}
				n.gives(t, s, 1)
				for _, n := range []*node{n, other} {
					if value, held := n.held(t.Context(), true); held && value != 1 {
						t.Errorf("Redis still holds %d", value)
					}
				}
			})
		}
	}
}

// The invalidation reaches Redis even from a request that has no time left for it.
func TestWrite_ReachesRedisWhateverIsLeftOfTheRequest(t *testing.T) {
	spent := new(tracing.Trace)
	spent.WaitedForCache(noLimit)
	gone, leave := context.WithCancel(context.Background())
	leave()
	for name, request := range map[string]context.Context{
		"no budget": tracing.With(context.Background(), spent), "no request": gone,
	} {
		n, s := quietNode(t, devtest.Redis(t), noLimit), new(source)
		n.gives(t, s, 0)
		if err := n.cache.Write(request, tags, s.set(1)); err != nil || !n.cache.Usable() {
			t.Errorf("%s: %v, Redis is used: %v", name, err, n.cache.Usable())
		}
		n.holdsNothing(t)
	}
}

// An invalidation is pending that fails while an earlier one of the same tag is sent, or while
// Redis is probed.
func TestRecover_ReadsNothingBeforeAllThatIsPendingIsSent(t *testing.T) {
	for step := range 2 {
		n := quietNode(t, devtest.Redis(t), noLimit)
		n.valve.shut(refuse)
		_ = n.cache.Invalidate(t.Context(), tags[0])
		steps := 0
		n.valve.shut(func(context.Context) error { // answers well
			if steps == step {
				_ = n.cache.Invalidate(t.Context(), tags[0])
			}
			steps++
			return nil
		})
		if n.cache.Recover(t.Context()); n.cache.Usable() || steps != 2 {
			t.Errorf("after %d steps Redis is read: %v", steps, n.cache.Usable())
		}
		n.valve.open()
		if n.cache.Recover(t.Context()); !n.cache.Usable() {
			t.Error("Redis is not read, though nothing is pending")
		}
	}
}

// There may be no end of tags during an outage. What is too much becomes one
// invalidation of everything, which lasts as long as the longest of them.
func TestPending_TooManyBecomeOneOfEverything(t *testing.T) {
	t.Parallel()
	n := quietNode(t, devtest.Redis(t), noLimit)
	s := new(source)
	n.gives(t, s, 0)
	n.valve.shut(refuse)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_ = n.cache.Write(ctx, []string{"long"}, func(context.Context) error { return nil })
	for i := range 2 * cache.MaxPending {
		_ = n.cache.Invalidate(t.Context(), fmt.Sprint("tag", i))
	}
	if pending := n.cache.Pending(); pending > cache.MaxPending {
		t.Errorf("%d tags are pending", pending)
	}
	n.valve.open()
	if n.cache.Recover(t.Context()); !n.cache.Usable() {
		t.Fatal("Redis is not read, though nothing is pending")
	}
	n.holdsNothing(t)
	if end, _ := n.tombstoneEnds(t, cache.Everything); time.Until(end) < 10*time.Second {
		t.Errorf("the tombstone of everything ends in %v", time.Until(end))
	}
}
