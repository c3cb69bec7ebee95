package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// A flight that began before the caller's own write must not answer it.
func TestGet_FreshJoinsNoFlight(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		old := n.beginLoad(t, 1)
		s.value.Store(2)
		if got, err := n.get(fresh(t), s.load); err != nil || got != 2 {
			t.Errorf("read %d, %v; want 2", got, err)
		}
		old.end(t)
	})
}

// load is one that has read its value and has not yet returned it.
type load struct {
	finish func()
	done   sync.WaitGroup
	value  int64
	err    error
}

// beginLoad returns a load that has read the value from its source.
func (n *node) beginLoad(t testing.TB, value int64) *load {
	t.Helper()
	l, begun, finish := new(load), make(chan struct{}), make(chan struct{})
	l.finish = sync.OnceFunc(func() { close(finish) })
	t.Cleanup(l.finish)
	l.done.Go(func() {
		l.value, l.err = n.get(context.WithoutCancel(t.Context()), func(context.Context) (int64, error) {
			close(begun)
			<-finish
			return value, nil
		})
	})
	<-begun
	return l
}

func (l *load) end(t testing.TB) {
	t.Helper()
	l.finish()
	l.done.Wait()
	if l.err != nil {
		t.Error(l.err)
	}
}

func TestGet_KeepsWhatIsAbsentForItsOwnTime(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, other, s := newNode(t, url), newNode(t, url), new(source)
		s.fail.Store(errAbsent)
		for _, n := range []*node{n, n, other} {
			if _, err := n.get(t.Context(), s.load); !errors.Is(err, errAbsent) {
				t.Errorf("error %v, want %v", err, errAbsent)
			}
		}
		if loads := s.loads.Load(); loads != 1 {
			t.Errorf("%d loads of what is absent, want 1", loads)
		}
		left := n.client.PTTL(t.Context(), n.cache.EntryKey(tags[0], "numbers", "key")).Val()
		if left > time.Minute || left < 30*time.Second {
			t.Errorf("Redis keeps it for %v, want the time of what is absent and no grace", left)
		}
		s.fail.Store(nil)
		if err := n.cache.Write(t.Context(), tags, s.set(7)); err != nil {
			t.Fatal(err)
		}
		n.gives(t, s, 7)
	})
}

// numbersFor returns a table of its own times.
func (n *node) numbersFor(name string, ttl, grace time.Duration) *cache.Table[int64] {
	return cache.NewTable[int64](n.cache, cache.TableOptions{
		Name: name, TTL: ttl, Grace: grace, Absent: errAbsent, AbsentTTL: ttl,
	})
}

// A time too short for Redis must not make the cache take Redis for broken.
func TestGet_KeepsNothingForNoTime(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	s.fail.Store(errAbsent)
	never := n.numbersFor("never", 0, 0)
	for range 10 {
		if _, err := never.Get(t.Context(), "key", tags, s.load); !errors.Is(err, errAbsent) {
			t.Error(err)
		}
	}
	if loads := s.loads.Load(); loads != 10 || !n.cache.Usable() {
		t.Errorf("%d loads, Redis is used: %v", loads, n.cache.Usable())
	}
}

func TestGet_GivesTheLastValueWhileTheStoreIsAway(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		s.value.Store(5)
		short := n.numbersFor("short", time.Millisecond, time.Hour)
		if _, err := short.Get(t.Context(), "key", tags, s.load); err != nil {
			t.Fatal(err)
		}
		s.fail.Store(problem.ErrUnavailable)
		devtest.Eventually(t, "the value is past its time, and given", func() bool {
			trace := new(tracing.Trace)
			got, err := short.Get(tracing.With(t.Context(), trace), "key", tags, s.load)
			if err != nil || got != 5 {
				t.Fatalf("read %d, %v; want 5", got, err)
			}
			return trace.Stale()
		})

		s.fail.Store(&problem.Error{Code: problem.Conflict})
		devtest.Eventually(t, "another error is not hidden", func() bool {
			_, err := short.Get(t.Context(), "key", tags, s.load)
			return problem.CodeOf(err) == problem.Conflict
		})

		s.fail.Store(problem.ErrUnavailable)
		_ = n.cache.Invalidate(t.Context(), tags[0])
		if got, err := short.Get(t.Context(), "key", tags, s.load); err == nil {
			t.Errorf("an invalidated value is given: %d", got)
		}
	})
}

// News that comes while the load fails counts too.
func TestGet_GivesNoLastValueThatWasInvalidatedMeanwhile(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	short := n.numbersFor("short", time.Millisecond, time.Hour)
	failed := false
	devtest.Eventually(t, "the load fails", func() bool {
		got, err := short.Get(t.Context(), "key", tags, func(ctx context.Context) (int64, error) {
			if s.loads.Load() == 0 {
				return s.load(ctx)
			}
			failed = true
			_ = n.cache.Invalidate(ctx, tags[0])
			return 0, problem.ErrUnavailable
		})
		if failed && err == nil {
			t.Fatalf("an invalidated value is given: %d", got)
		}
		return failed
	})
}

// A value in memory of which news may have been missed is not given where Redis
// says that it is void.
func TestGet_GivesNoLastValueThatRedisKnowsToBeVoid(t *testing.T) {
	url := ownRedis(t)
	n, s := newNode(t, url), new(source)
	n.gives(t, s, 0)
	n.cache.Deafen()
	writer := newNode(t, url)
	_ = writer.cache.Invalidate(t.Context(), tags[0])
	s.fail.Store(problem.ErrUnavailable)
	devtest.Eventually(t, "memory is not believed", func() bool {
		if got, err := n.get(t.Context(), s.load); s.loads.Load() > 1 && err == nil {
			t.Fatalf("a value that is void is given: %d", got)
		}
		return s.loads.Load() > 1
	})
}

func TestMemory_StaysWithinBothBounds(t *testing.T) {
	url := ownRedis(t)
	for _, length := range []int{1, 5000} {
		n := newNode(t, url, func(o *cache.Options) { o.MaxItems, o.MaxBytes = 50, 50_000 })
		texts := cache.NewTable[string](n.cache, cache.TableOptions{Name: "texts", TTL: time.Hour})
		for i := range 300 {
			_, err := texts.Get(t.Context(), fmt.Sprint(length, i), tags, func(context.Context) (string, error) {
				return strings.Repeat("x", length), nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		items, weight := n.cache.InMemory()
		if items > 50 || weight > 50_000 || items == 0 {
			t.Errorf("memory holds %d values of %d bytes, with a weight of %d", items, length, weight)
		}
		if length == 5000 && items > 10 {
			t.Errorf("memory holds %d values of 5000 bytes", items)
		}
	}
}

// A generation that ends before the values under it would void them too early.
func TestFill_MakesGenerationsOutliveTheValues(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	generation, entry := n.cache.GenerationKey(tags[0]), n.cache.EntryKey(tags[0], "numbers", "key")
	for range 2 { // one that is new, and one that is about to end
		n.gives(t, s, 0)
		if left, want := n.client.PTTL(t.Context(), generation).Val(), n.client.PTTL(t.Context(), entry).Val(); left <= want {
			t.Errorf("the generation has %v left, the value %v", left, want)
		}
		if err := n.client.Del(t.Context(), entry).Err(); err != nil {
			t.Fatal(err)
		}
		if !n.client.PExpire(t.Context(), generation, 10*time.Second).Val() {
			t.Fatal("there is no generation")
		}
		n.cache.Flush()
	}
}

// What was asked for in vain must not stay for long: anybody can make it up.
func TestMiss_LeavesNothingForLong(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	s.fail.Store(&problem.Error{Code: problem.Invalid, Message: "No."})
	if _, err := n.get(t.Context(), s.load); err == nil {
		t.Fatal("the load has not failed")
	}
	for _, key := range n.client.Keys(t.Context(), "test:*").Val() {
		left := n.client.PTTL(t.Context(), key).Val()
		if key != n.cache.GenerationKey(cache.Everything) && left > time.Minute {
			t.Errorf("%s stays for %v", key, left)
		}
	}
}

// What a load was not sure of is better than nothing, but for a moment only.
func TestMarkStale_IsGivenAsStaleAndKeptByNobodyElse(t *testing.T) {
	url := devtest.Redis(t)
	n, other := newNode(t, url), newNode(t, url)
	s := new(source)
	unsure := func(ctx context.Context) (int64, error) {
		cache.MarkStale(ctx)
		return s.load(ctx)
	}
	for _, load := range []func(context.Context) (int64, error){unsure, loadNothing} { // and a moment later
		trace := new(tracing.Trace)
		if got, err := n.get(tracing.With(t.Context(), trace), load); err != nil || got != 0 || !trace.Stale() {
			t.Errorf("got %d, %v, stale: %t", got, err, trace.Stale())
		}
	}
	if value, held := other.held(t.Context(), false); held {
		t.Errorf("another process is given %d", value)
	}
	s.value.Store(1)
	devtest.Eventually(t, "it is loaded anew", func() bool {
		got, err := n.get(t.Context(), s.load)
		return err == nil && got == 1
	})
	if value, held := other.held(t.Context(), false); !held || value != 1 {
		t.Errorf("another process is given %d, %t", value, held)
	}
}

func TestMarkStale_OfALongValueIsGivenAsStaleAndNotKept(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t), func(o *cache.Options) { o.ValueLimit = 1 }), new(source)
	for range 2 {
		trace := new(tracing.Trace)
		_, err := n.get(tracing.With(t.Context(), trace), func(ctx context.Context) (int64, error) {
			cache.MarkStale(ctx)
			return s.load(ctx)
		})
		if err != nil || !trace.Stale() {
			t.Errorf("%v, stale: %t", err, trace.Stale())
		}
	}
	if got := s.loads.Load(); got != 2 {
		t.Errorf("%d loads", got)
	}
}
