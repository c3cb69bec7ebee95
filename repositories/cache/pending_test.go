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

// A write that Redis could not be told of succeeds, and Redis is told before this
// process reads it again.
func TestWrite_ThatRedisIsNotToldOfIsSentBeforeRedisIsRead(t *testing.T) {
	change := func(ctx context.Context, n *node, write func()) {
		_ = n.cache.Write(ctx, tags, func(context.Context) error {
			write()
			return nil
		})
	}
	for _, c := range []struct {
		name  string
		write func(ctx context.Context, n *node, v *valve, f fault, s *source)
	}{
		{"Change", func(ctx context.Context, n *node, v *valve, f fault, s *source) {
			v.shut(f)
			change(ctx, n, func() { s.value.Store(1) })
		}},
		{"its begin", func(ctx context.Context, n *node, v *valve, f fault, s *source) {
			v.shut(f)
			change(ctx, n, func() { s.value.Store(1); v.open() })
		}},
		{"its end", func(ctx context.Context, n *node, v *valve, f fault, s *source) {
			change(ctx, n, func() { s.value.Store(1); v.shut(f) })
		}},
		{"Invalidate", func(ctx context.Context, n *node, v *valve, f fault, s *source) {
			s.value.Store(1)
			v.shut(f)
			_ = n.cache.Invalidate(ctx, tags[1])
		}},
	} {
		for name, f := range map[string]fault{"refused": refuse, "unanswered": stall} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				t.Parallel()
				url := devtest.Redis(t)
				n, v := newValve(t, url, usualBudget)
				other, _ := newValve(t, url, usualBudget)
				s := new(source)
				n.gives(t, s, 0)
				if _, held := n.held(t.Context(), true); !held {
					t.Fatal("Redis does not hold what was read")
				}
				c.write(t.Context(), n, v, f, s)
				if n.cache.Usable() {
					t.Error("Redis is read as before")
				}

				v.open()
				if calls := v.during(func() { n.gives(t, s, 1) }); calls != 0 {
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

// Redis is told of a write even by a request that has no time left for Redis.
func TestWrite_TellsRedisWhateverIsLeftOfTheRequest(t *testing.T) {
	spent := new(tracing.Trace)
	spent.WaitedForCache(noLimit)
	gone, leave := context.WithCancel(context.Background())
	leave()
	for name, request := range map[string]context.Context{
		"no budget":  tracing.With(context.Background(), spent),
		"no request": gone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := newValve(t, devtest.Redis(t), noLimit)
			s := new(source)
			n.gives(t, s, 0)
			if err := n.cache.Write(request, tags, s.set(1)); err != nil {
				t.Error(err)
			}
			if !n.cache.Usable() {
				t.Error("all that Redis held is void")
			}
			n.holdsNothing(t)
			n.gives(t, s, 1)
			if value, held := n.held(t.Context(), true); !held || value != 1 {
				t.Errorf("after the write Redis holds %d (%v)", value, held)
			}
		})
	}
}

// A write that Redis is not told of while it is told of an earlier one is still pending.
func TestRecover_ReadsNothingBeforeAllThatIsPendingIsSent(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	v.shut(refuse)
	_ = n.cache.Invalidate(t.Context(), tags[0])
	steps := 0
	v.shut(func(context.Context) error { // answers well
		if steps++; steps == 2 {
			_ = n.cache.Invalidate(t.Context(), tags[0])
		}
		return nil
	})
	if n.cache.Recover(t.Context()); n.cache.Usable() || steps != 2 {
		t.Errorf("after %d steps Redis is read: %v", steps, n.cache.Usable())
	}
	v.open()
	if n.cache.Recover(t.Context()); !n.cache.Usable() {
		t.Error("Redis is not read, though nothing is pending")
	}
}

// A slow Redis is read again as it is, but not one that lacks an invalidation.
func TestRecover_SendsWhatIsPendingWhateverElseFails(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	s := new(source)
	n.gives(t, s, 0)
	calls := 0
	v.shut(func(context.Context) error {
		if calls++; calls == 3 {
			_ = n.cache.Invalidate(t.Context(), tags[0]) // fails, too
		}
		return errFaulty
	})
	n.reads(t.Context(), t, s, 3)
	v.open()
	if n.cache.Recover(t.Context()); !n.cache.Usable() || calls != 4 {
		t.Fatalf("after %d failures Redis is read: %v", calls, n.cache.Usable())
	}
	n.holdsNothing(t)
}

// The end of a write did not arrive. Its begin has voided what others hold in
// memory, and they keep nothing that they load while the marks stand.
func TestWrite_WhoseEndIsLostLeavesNothingStaleElsewhere(t *testing.T) {
	t.Parallel()
	url := devtest.Redis(t)
	writer, v := newValve(t, url, usualBudget)
	other, s := newNode(t, url), new(source)
	other.gives(t, s, 0)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := writer.cache.Write(ctx, tags, func(context.Context) error {
		eventually(t, "the other process has heard of the begin", func() bool {
			_, held := other.held(t.Context(), false)
			return !held
		})
		other.gives(t, s, 0) // loaded before the commit
		s.value.Store(1)
		v.shut(refuse)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other.gives(t, s, 1)
	other.holdsNothing(t)
	eventually(t, "the marks have expired, and the value is kept again", func() bool {
		other.gives(t, s, 1)
		value, held := other.held(t.Context(), true)
		return held && value == 1
	})
}

// There may be no end of tags during an outage. What is too much becomes one
// invalidation of everything, which lasts as long as the longest of them.
func TestPending_TooManyBecomeOneOfEverything(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	s := new(source)
	n.gives(t, s, 0)
	v.shut(refuse)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_ = n.cache.Write(ctx, []string{"long"}, func(context.Context) error { return nil })
	for i := range 2 * cache.MaxPending {
		_ = n.cache.Invalidate(t.Context(), fmt.Sprint("tag", i))
	}
	if pending := n.cache.Pending(); pending > cache.MaxPending {
		t.Errorf("%d tags are pending", pending)
	}
	v.open()
	if n.cache.Recover(t.Context()); !n.cache.Usable() {
		t.Fatal("Redis is not read, though nothing is pending")
	}
	n.holdsNothing(t)
	if mark, _ := n.markedUntil(t, cache.Everything); time.Until(mark) < 10*time.Second {
		t.Errorf("the mark of everything ends in %v", time.Until(mark))
	}
}
