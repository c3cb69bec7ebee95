package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// A load that began before a write must not answer the writer, nor anybody who comes after it.
func TestGet_WaitsForNoLoadFromBeforeAWrite(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]bool{"a session that has written": false, "after an invalidation": true} {
		n, s := newNode(t, devtest.Redis(t)), new(source)
		old := n.beginLoad(t, 1)
		s.value.Store(2)
		request := fresh(t)
		if invalidate {
			request = t.Context()
			_ = n.cache.Invalidate(request, tags[0])
		}
		ctx, cancel := context.WithTimeout(request, 4*time.Second) // after 5 s it would no longer wait
		defer cancel()
		if got, err := n.get(ctx, s.load); err != nil || got != 2 {
			t.Errorf("%s: read %d, %v; want 2", name, got, err)
		}
		old.end(t)
	}
}

func TestGet_CachesAbsenceForItsOwnTime(t *testing.T) {
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

func (n *node) numbersFor(name string, ttl, grace time.Duration) *cache.Table[int64] {
	return cache.NewTable[int64](n.cache, cache.TableOptions{
		Name: name, TTL: ttl, Grace: grace, Absent: errAbsent, AbsentTTL: ttl,
	})
}

// A TTL of 0 must not make the cache take Redis for broken.
func TestGet_CachesNothingForNoTime(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
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

// An invalidation counts, too, that comes while the load fails.
func TestGet_GivesNoLastValueThatWasInvalidatedMeanwhile(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
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

// A value in memory, of which an invalidation may have been missed, is not given if Redis
// says that it is void.
func TestGet_GivesNoLastValueThatRedisKnowsToBeVoid(t *testing.T) {
	t.Parallel()
	url := devtest.Redis(t)
	n, s := newNode(t, url), new(source)
	n.gives(t, s, 0)
	n.cache.Deafen()
	_ = newNode(t, url).cache.Invalidate(t.Context(), tags[0])
	s.fail.Store(problem.ErrUnavailable)
	devtest.Eventually(t, "memory is not believed", func() bool {
		if got, err := n.get(t.Context(), s.load); s.loads.Load() > 1 && err == nil {
			t.Fatalf("a value that is void is given: %d", got)
		}
		return s.loads.Load() > 1
	})
}

func TestMemory_StaysWithinBothBounds(t *testing.T) {
	for length, most := range map[int]int{1: 50, 5000: 10} {
		n := newNode(t, devtest.Redis(t), func(o *cache.Options) { o.MaxItems, o.MaxBytes = 50, 50_000 })
		texts := cache.NewTable[string](n.cache, cache.TableOptions{Name: "texts", TTL: time.Hour})
		for i := range 300 {
			_, err := texts.Get(t.Context(), fmt.Sprint(i), tags, func(context.Context) (string, error) {
				return strings.Repeat("x", length), nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if items, weight := n.cache.InMemory(); items > most || weight > 50_000 || items == 0 {
			t.Errorf("memory holds %d values of %d bytes, with a weight of %d", items, length, weight)
		}
	}
}

// A generation that ended before its values would void them too early. What was not found
// must not stay for long: anybody can make it up.
func TestRedis_KeepsGenerationsAsLongAsTheirValues(t *testing.T) {
	n, s := newNode(t, devtest.Redis(t)), new(source)
	generation, entry := n.cache.GenerationKey(tags[0]), n.cache.EntryKey(tags[0], "numbers", "key")
	ttl := func(key string) time.Duration { return n.client.PTTL(t.Context(), key).Val() }
	s.fail.Store(&problem.Error{Code: problem.Invalid, Message: "No."})
	_, _ = n.get(t.Context(), s.load)
	if left := ttl(generation); left > time.Minute {
		t.Errorf("the generation of a miss stays for %v", left)
	}
	s.fail.Store(nil)
	for range 2 { // a generation that is new, and one that is about to end
		n.gives(t, s, 0)
		if left, want := ttl(generation), ttl(entry); left <= want {
			t.Errorf("the generation has %v left, the value %v", left, want)
		}
		n.client.Del(t.Context(), entry)
		if !n.client.PExpire(t.Context(), generation, 10*time.Second).Val() {
			t.Fatal("there is no generation")
		}
		n.cache.Flush()
	}
}

// A value that may be stale is better than none, for a moment, and only in its own process.
func TestMarkStale_IsGivenForAMoment(t *testing.T) {
	t.Parallel()
	url := devtest.Redis(t)
	n, other, s := newNode(t, url), newNode(t, url), new(source)
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
	n.soonGives(t, s, 1)
	devtest.Eventually(t, "another process is given it too", func() bool { // later, where Redis was slow
		value, held := other.held(t.Context(), false)
		n.soonGives(t, s, 1)
		return held && value == 1
	})
}
