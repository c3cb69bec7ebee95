package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
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
	n, v := newValve(t, devtest.Redis(t), 50*time.Millisecond)
	s := new(source)
	s.value.Store(7)
	v.shut(stall)
	for range 2 {
		request := tracing.With(t.Context(), new(tracing.Trace))
		if calls := v.during(func() { n.reads(request, t, s, 1) }); calls != 1 {
			t.Errorf("a request's first read makes %d calls", calls)
		}
		if calls := v.during(func() { n.reads(request, t, s, 10) }); calls != 0 {
			t.Errorf("a request whose budget is spent makes %d calls", calls)
		}
	}
	if !n.cache.Usable() {
		t.Error("it is the breaker that has kept the calls back")
	}
}

// All the calls of a request have one budget, however many they are.
func TestGet_LeavesACallWhatRemainsOfTheBudget(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	trace, pause := new(tracing.Trace), 5*time.Millisecond
	ctx := tracing.With(t.Context(), trace)
	s := new(source)
	var waited []time.Duration
	v.shut(func(ctx context.Context) error {
		before := trace.WaitedForCache(0)
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > noLimit-before {
			t.Errorf("after waiting for %v, a call may take until %v", before, deadline)
		}
		waited = append(waited, before)
		time.Sleep(pause)
		return refuse(ctx)
	})
	n.reads(ctx, t, s, 2)
	trace.WaitedForCache(noLimit - time.Minute)
	n.reads(ctx, t, s, 1)
	if len(waited) != 3 || waited[1] < pause || waited[2] < 2*pause+noLimit-time.Minute {
		t.Errorf("the calls found %v accounted for", waited)
	}
}

// The third failure in a row is the last one that anybody waits for, until Redis
// is well again. What it holds is as good then as it was.
func TestGet_AsksRedisNoMoreAfterFailuresInARow(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  fault
		budget time.Duration
	}{
		{"refused", refuse, noLimit},
		{"unanswered", stall, usualBudget},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, v := newValve(t, devtest.Redis(t), c.budget)
			s := new(source)
			fails := func(times int, used bool) {
				t.Helper()
				calls := v.during(func() { n.reads(t.Context(), t, s, times) })
				if int(calls) != times || n.cache.Usable() != used {
					t.Errorf("%d reads: %d calls, Redis is used: %v", times, calls, n.cache.Usable())
				}
			}
			n.gives(t, s, 0)
			v.shut(c.fault)
			fails(2, true)
			v.open()
			n.reads(t.Context(), t, s, 1) // not in a row any more
			v.shut(c.fault)
			fails(2, true)
			fails(1, false)
			if calls := v.during(func() { n.reads(t.Context(), t, s, 10) }); calls != 0 {
				t.Errorf("%d calls to a Redis that is not used", calls)
			}
			if n.cache.Recover(t.Context()); n.cache.Usable() {
				t.Error("Redis is used, though it still fails")
			}

			v.open()
			if n.cache.Recover(t.Context()); !n.cache.Usable() {
				t.Fatal("Redis is well again, and not used")
			}
			v.shut(c.fault)
			fails(2, true)
			v.open()
			if _, held := n.held(t.Context(), true); !held {
				t.Error("a slow Redis has been taken for a void one")
			}
		})
	}
}

// It says nothing of Redis that a caller has no time for it.
func TestGet_BlamesRedisForNoCallersHaste(t *testing.T) {
	waited := func(part time.Duration) func(*testing.T) context.Context {
		return func(t *testing.T) context.Context {
			trace := new(tracing.Trace)
			trace.WaitedForCache(part)
			return tracing.With(t.Context(), trace)
		}
	}
	for _, c := range []struct {
		name    string
		request func(*testing.T) context.Context
		fault   fault
		blamed  bool
	}{
		{"gone", func(t *testing.T) context.Context {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(5*time.Millisecond, leave)
			return ctx
		}, stall, false},
		{"timeout", func(t *testing.T) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			t.Cleanup(cancel)
			return ctx
		}, stall, false},
		{"little budget left", waited(noLimit * 6 / 10), refuse, false},
		{"enough budget left", waited(noLimit * 4 / 10), refuse, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n, v := newValve(t, devtest.Redis(t), noLimit)
			s := new(source)
			v.shut(c.fault)
			for i := range 3 {
				if calls := v.during(func() { n.reads(c.request(t), t, s, 1) }); calls != 1 {
					t.Errorf("read %d makes %d calls", i, calls)
				}
			}
			if n.cache.Usable() == c.blamed {
				t.Errorf("Redis is blamed: %v", !n.cache.Usable())
			}
		})
	}
}
