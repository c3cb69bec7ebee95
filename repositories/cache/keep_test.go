package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

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

func TestGet_KeepsNoErrors(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		s.fail.Store(&problem.Error{Code: problem.Conflict})
		for range 3 {
			if _, err := n.get(t.Context(), s.load); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("error %v", err)
			}
		}
		if loads := s.loads.Load(); loads != 3 {
			t.Errorf("%d loads, want one for each call", loads)
		}
		if n := n.client.Exists(t.Context(), n.cache.LeaseKey(tags[0], "numbers", "key")).Val(); n != 0 {
			t.Error("a failed load left its lease")
		}
	})
}

// numbersFor returns a table of its own times.
func (n *node) numbersFor(name string, ttl, grace time.Duration) *cache.Table[int64] {
	return cache.NewTable[int64](n.cache, cache.TableOptions{
		Name: name, TTL: ttl, Grace: grace, Absent: errAbsent, AbsentTTL: ttl,
	})
}

func TestGet_LoadsAnewAfterItsTime(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		short := n.numbersFor("short", 50*time.Millisecond, 0)
		eventually(t, "it is loaded twice", func() bool {
			_, err := short.Get(t.Context(), "key", tags, s.load)
			return err == nil && s.loads.Load() == 2
		})
	})
}

// Values stored together do not all end at once.
func TestGet_SpreadsTheEnds(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	plain := n.numbersFor("plain", time.Hour, 0)
	ends := make(map[time.Duration]bool)
	for i := range 20 {
		key := fmt.Sprint(i)
		if _, err := plain.Get(t.Context(), key, tags, s.load); err != nil {
			t.Fatal(err)
		}
		left := n.client.PTTL(t.Context(), n.cache.EntryKey(tags[0], "plain", key)).Val()
		if left > time.Hour || left < 53*time.Minute {
			t.Errorf("Redis keeps it for %v", left)
		}
		ends[left.Round(time.Second)] = true
	}
	if len(ends) < 5 {
		t.Errorf("20 values end at %d moments", len(ends))
	}
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
		eventually(t, "the value is past its time, and given", func() bool {
			trace := new(tracing.Trace)
			got, err := short.Get(tracing.With(t.Context(), trace), "key", tags, s.load)
			if err != nil || got != 5 {
				t.Fatalf("read %d, %v; want 5", got, err)
			}
			return trace.Stale()
		})

		s.fail.Store(&problem.Error{Code: problem.Conflict})
		eventually(t, "another error is not hidden", func() bool {
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
	read := func() (int64, error) {
		return short.Get(t.Context(), "key", tags, func(ctx context.Context) (int64, error) {
			if s.loads.Load() > 0 {
				failed = true
				_ = n.cache.Invalidate(ctx, tags[0])
				return 0, problem.ErrUnavailable
			}
			return s.load(ctx)
		})
	}
	eventually(t, "the load fails", func() bool {
		if got, err := read(); failed && err == nil {
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
	eventually(t, "memory is not believed", func() bool {
		if got, err := n.get(t.Context(), s.load); s.loads.Load() > 1 && err == nil {
			t.Fatalf("a value that is void is given: %d", got)
		}
		return s.loads.Load() > 1
	})
}

// Builds that differ in a type run side by side while a deploy goes on.
func TestTable_ReadsOtherTypesAsMisses(t *testing.T) {
	type before struct{ Name string }
	type after struct {
		Name  string
		Price int64
	}
	everyRedis(t, func(t *testing.T, url string) {
		a, b := newNode(t, url), newNode(t, url)
		olds := cache.NewTable[before](a.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
		news := cache.NewTable[after](b.cache, cache.TableOptions{Name: "same", TTL: time.Hour})
		for range 3 {
			fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
			if got, err := olds.Get(fresh, "key", tags, func(context.Context) (before, error) {
				return before{"old"}, nil
			}); err != nil || got.Name != "old" {
				t.Errorf("the old build reads %v, %v", got, err)
			}
			if got, err := news.Get(fresh, "key", tags, func(context.Context) (after, error) {
				return after{"new", 9}, nil
			}); err != nil || got != (after{"new", 9}) {
				t.Errorf("the new build reads %v, %v", got, err)
			}
		}
	})
}

func TestGet_KeepsNoLongValues(t *testing.T) {
	n := newNode(t, ownRedis(t), func(o *cache.Options) { o.ValueLimit = 1000 })
	texts := cache.NewTable[string](n.cache, cache.TableOptions{Name: "texts", TTL: time.Hour})
	for _, c := range []struct {
		length int
		kept   bool
	}{{900, true}, {1000, false}} {
		key := fmt.Sprint(c.length)
		load := func(context.Context) (string, error) { return strings.Repeat("x", c.length), nil }
		if got, err := texts.Get(t.Context(), key, tags, load); err != nil || len(got) != c.length {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		_, err := texts.Get(t.Context(), key, tags, func(context.Context) (string, error) { return "", errNothing })
		if kept := err == nil; kept != c.kept {
			t.Errorf("%d bytes are kept: %v", c.length, kept)
		}
	}
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
