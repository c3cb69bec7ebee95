package cache_test

import (
	"context"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// A write that Redis could not be told of succeeds, and voids what Redis holds
// before anybody here uses it again.
func TestChange_ThatRedisIsNotToldOfVoidsWhatItHolds(t *testing.T) {
	change := func(ctx context.Context, n *node, write func()) {
		_ = n.cache.Change(ctx, tags, func(context.Context) error {
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
			n.cache.Invalidate(ctx, tags[1])
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
				epochs := n.cache.Epochs()
				c.write(t.Context(), n, v, f, s)
				if n.cache.Epochs() == epochs || n.cache.Trusted() {
					t.Error("Redis is trusted as before")
				}

				v.open()
				if calls := v.during(func() { n.gives(t, s, 1) }); calls != 0 {
					t.Errorf("a read asks a Redis that may be behind, %d times", calls)
				}
				if n.cache.Recover(t.Context()); !n.cache.Trusted() {
					t.Fatal("Redis is well again, and not trusted")
				}
				n.holdsNothing(t)
				if value, held := other.held(t.Context(), true); held {
					t.Errorf("another process finds %d in Redis", value)
				}
			})
		}
	}
}

// Redis is told of a write even by a request that has no time left for Redis.
func TestChange_TellsRedisWhateverIsLeftOfTheRequest(t *testing.T) {
	spent := new(services.Trace)
	spent.WaitedForCache(noLimit)
	gone, leave := context.WithCancel(context.Background())
	leave()
	for name, request := range map[string]context.Context{
		"no budget":  services.WithTrace(context.Background(), spent),
		"no request": gone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, _ := newValve(t, devtest.Redis(t), noLimit)
			s := new(source)
			n.gives(t, s, 0)
			epochs := n.cache.Epochs()
			if err := n.cache.Change(request, tags, s.set(1)); err != nil {
				t.Error(err)
			}
			if n.cache.Epochs() != epochs {
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

// A write that Redis is not told of while it is told of an earlier one is owed still.
func TestTrust_IsNotBackBeforeTheLastDebtIsPaid(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	v.shut(refuse)
	n.cache.Invalidate(t.Context(), tags[0])
	steps := 0
	v.shut(func(context.Context) error { // answers well
		if steps++; steps == 2 {
			n.cache.Invalidate(t.Context(), tags[0])
		}
		return nil
	})
	if n.cache.Recover(t.Context()); n.cache.Trusted() || steps != 2 {
		t.Errorf("after %d steps Redis is trusted: %v", steps, n.cache.Trusted())
	}
	v.open()
	if n.cache.Recover(t.Context()); !n.cache.Trusted() {
		t.Error("Redis is not trusted, though nothing is owed")
	}
}

// A read that fails when trust is lost already does not make it a matter of a
// slow Redis, which would be believed again as it is.
func TestTrust_StaysLostWhateverElseFails(t *testing.T) {
	t.Parallel()
	n, v := newValve(t, devtest.Redis(t), noLimit)
	s := new(source)
	n.gives(t, s, 0)
	calls := 0
	v.shut(func(context.Context) error {
		if calls++; calls == 3 {
			n.cache.Invalidate(t.Context(), tags[0]) // fails, too
		}
		return errFaulty
	})
	n.reads(t.Context(), t, s, 3)
	v.open()
	if n.cache.Recover(t.Context()); !n.cache.Trusted() || calls != 4 {
		t.Fatalf("after %d failures Redis is trusted: %v", calls, n.cache.Trusted())
	}
	n.holdsNothing(t)
}
