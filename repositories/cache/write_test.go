package cache_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/problem"
)

// A write is visible in its own process at once, in others when the message arrives, and to a
// session that has just written in any process.
func TestWrite_IsSeen(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, reader, s := newNode(t, url), newNode(t, url), new(source)
		for value := range int64(30) {
			reader.gives(t, s, value)
			writer.gives(t, s, value)
			if err := writer.cache.Write(t.Context(), tags[value%2:], s.set(value+1)); err != nil {
				t.Fatal(err)
			}
			writer.gives(t, s, value+1)
			if got, err := reader.get(fresh(t), s.load); err != nil || got != value+1 {
				t.Fatalf("a fresh read gives %d, %v; want %d", got, err, value+1)
			}
			reader.soonGives(t, s, value+1)
		}
	})
}

func TestInvalidate_DropsWhateverHasTheTag(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, other := newNode(t, url), newNode(t, url)
		load := func(context.Context) (int64, error) { return 1, nil }
		keys := map[string][]string{"a": {"group", "a"}, "b": {"group", "b"}, "c": {"c"}, "d": {"two\nlines {\xff}"}}
		for _, c := range []struct{ tag, left string }{
			{"group", "cd"}, {"b", "acd"}, {"two\nlines {\xff}", "abc"}, {"none", "abcd"}, {cache.Everything, ""},
		} {
			for key, tags := range keys {
				for _, n := range []*node{n, other} {
					if _, err := n.numbers.Get(t.Context(), key, tags, load); err != nil {
						t.Fatal(err)
					}
				}
			}
			_ = n.cache.Invalidate(t.Context(), c.tag)
			right := func(ctx context.Context, n *node) bool {
				for key, tags := range keys {
					if _, err := n.numbers.Get(ctx, key, tags, loadNothing); (err == nil) != strings.Contains(c.left, key) {
						return false
					}
				}
				return true
			}
			if !right(t.Context(), n) || !right(fresh(t), n) {
				t.Errorf("after %q other values are left than %q", c.tag, c.left)
			}
			devtest.Eventually(t, "the other process has heard of it", func() bool { return right(t.Context(), other) })
		}
	})
}

// What was loaded before a write is cached nowhere, whichever process loads it and whenever
// the load ends: during the write, at its end, or later.
func TestGet_CachesNothingLoadedBeforeAWrite(t *testing.T) {
	for name, change := range map[string]func(writer *node, old *load){
		"ends during Write": func(writer *node, old *load) {
			_ = writer.cache.Write(t.Context(), tags[:1], func(context.Context) error { old.end(t); return nil })
		},
		"ends after Write": func(writer *node, _ *load) {
			_ = writer.cache.Write(t.Context(), tags[:1], func(context.Context) error { return nil })
		},
		"ends after Invalidate": func(writer *node, _ *load) { _ = writer.cache.Invalidate(t.Context(), tags[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				writer, other := newNode(t, url), newNode(t, url)
				for _, loader := range []*node{writer, other} {
					old := loader.beginLoad(t, 1)
					change(writer, old)
					old.end(t)
					if old.value != 1 {
						t.Errorf("the caller got %d", old.value)
					}
					writer.holdsNothing(t)
					other.holdsNothing(t)
				}
			})
		})
	}
}

// The message is late or lost: the generations alone keep an old load out of Redis.
func TestGet_CachesNothingOldWithoutTheSubscription(t *testing.T) {
	url := devtest.Redis(t)
	deaf, writer := quietNode(t, url, time.Second), newNode(t, url)
	old := deaf.beginLoad(t, 1)
	_ = writer.cache.Invalidate(t.Context(), tags[0])
	old.end(t)
	deaf.holdsNothing(t)
	writer.holdsNothing(t)
}

// A value that Redis has not confirmed stays in memory for a moment only: a writer that does not
// reach Redis either tells nobody.
func TestGet_KeepsForAMomentWhatRedisHasNotConfirmed(t *testing.T) {
	t.Parallel()
	url, s := devtest.Redis(t), new(source)
	writer, reader := newNode(t, url), newNode(t, url)
	writer.valve.shut(refuse) // the subscriptions go on
	reader.valve.shut(refuse)
	reader.gives(t, s, 0)
	_ = writer.cache.Write(t.Context(), tags, s.set(1))
	reader.soonGives(t, s, 1)
}

// While a write may still be committed, nothing is cached, until its tombstones expire.
func TestWrite_ProtectsUntilTheWriteHasEnded(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, other, s := newNode(t, url), newNode(t, url), new(source)
		for name, c := range map[string]struct {
			err    error
			cached bool
		}{
			"done":        {nil, true},
			"refused":     {&problem.Error{Code: problem.Stale, Message: "Somebody was faster."}, true},
			"invalid":     {problem.InvalidField("name", "is missing"), true},
			"unavailable": {problem.ErrUnavailable, false},
			"wrapped":     {errors.Join(errors.New("the connection broke"), problem.ErrUnavailable), false},
			"unknown":     {errors.New("something else"), false},
			"timeout":     {context.DeadlineExceeded, false},
			"panics":      {nil, false},
		} {
			tags := []string{name, name + "/more"}
			get := func(ctx context.Context, n *node, load func(context.Context) (int64, error)) error {
				_, err := n.numbers.Get(ctx, name, tags, load)
				return err
			}
			if err := get(t.Context(), n, s.load); err != nil {
				t.Error(err)
			}
			func() {
				defer func() { _ = recover() }()
				err := n.cache.Write(t.Context(), tags, func(context.Context) error {
					if name == "panics" {
						panic("after the commit")
					}
					return c.err
				})
				if !errors.Is(err, c.err) {
					t.Errorf("%s: Write returned %v, want %v", name, err, c.err)
				}
			}()
			if get(t.Context(), n, loadNothing) == nil {
				t.Errorf("%s: the writer gives a value from before it", name)
			}
			if err := get(t.Context(), other, s.load); err != nil {
				t.Error(err)
			}
			if cached := get(fresh(t), other, loadNothing) == nil; cached != c.cached {
				t.Errorf("%s: a value read after it is cached: %v", name, cached)
			}
			if tombstone := n.tombstone(t, tags[1]); c.cached == (tombstone != "") {
				t.Errorf("%s: the tombstone is %q", name, tombstone)
			}
		}
	})
}

// The end of one write leaves the tombstones of another one alone.
func TestWrite_ProtectsEachOfManyWriters(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		a, b, s := newNode(t, url), newNode(t, url), new(source)
		refusal := &problem.Error{Code: problem.Stale, Message: "Somebody was faster."}
		_ = a.cache.Write(t.Context(), tags, func(ctx context.Context) error {
			_ = b.cache.Write(ctx, tags, func(context.Context) error { return refusal })
			b.gives(t, s, 0)
			b.holdsNothing(t)
			return nil
		})
		b.gives(t, s, 0)
		if _, held := b.held(t.Context(), true); !held {
			t.Error("nothing is cached after both writes")
		}
	})
}

// tombstone is what replaces the tag's generation while a write runs, or "".
func (n *node) tombstone(t testing.TB, tag string) string {
	t.Helper()
	text := n.client.Get(t.Context(), n.cache.GenerationKey(tag)).Val()
	if !strings.HasPrefix(text, "w") {
		return ""
	}
	return text
}

// tombstoneEnds returns until when the tombstone names its one writer, and when it expires.
func (n *node) tombstoneEnds(t testing.TB, tag string) (writer, key time.Time) {
	t.Helper()
	_, text, _ := strings.Cut(n.tombstone(t, tag), "@")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms), time.Now().Add(n.client.PTTL(t.Context(), n.cache.GenerationKey(tag)).Val())
}

// Tombstones outlive the deadline of their write and what PostgreSQL may take beyond it, and
// no more: until they expire, nothing can be cached.
func TestWrite_TombstonesLastAsLongAsTheWriteMay(t *testing.T) {
	const (
		grace    = 3 * time.Second
		rounding = 500 * time.Millisecond // of miniredis, whose clock ticks late on a busy machine
	)
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		for limit, lasts := range map[time.Duration]time.Duration{10 * time.Second: 10 * time.Second, 0: 30 * time.Second, -time.Hour: 0} {
			begin, request := time.Now(), t.Context()
			if limit != 0 {
				var cancel context.CancelFunc
				request, cancel = context.WithTimeout(request, limit)
				defer cancel()
			}
			tag := "limit" + limit.String()
			err := n.cache.Write(request, []string{tag}, func(ctx context.Context) error {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("the write has no deadline")
				}
				writer, key := n.tombstoneEnds(t, tag)
				for _, end := range []time.Time{writer, key} {
					least, last := begin.Add(lasts+grace-rounding), time.Now().Add(lasts+grace+rounding)
					if end.Before(least) || end.After(last) {
						t.Errorf("with the limit %v the tombstone ends at %v, not between %v and %v", limit, end, least, last)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// A put is seen as a write is, and reported as not invalidated if Redis refuses that part.
func TestInvalidateWith_IsSeenAsAWriteIs(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, reader, s := newNode(t, url), newNode(t, url), new(source)
		put := func() (bool, error) {
			return writer.cache.InvalidateWith(t.Context(), redis.NewStatusCmd(t.Context(), "set", "test:put", 1), tags[0])
		}
		for value := range int64(10) {
			reader.gives(t, s, value)
			writer.gives(t, s, value)
			s.value.Store(value + 1)
			if invalidated, err := put(); !invalidated || err != nil {
				t.Errorf("invalidated: %v, %v", invalidated, err)
			}
			writer.gives(t, s, value+1)
			reader.soonGives(t, s, value+1)
		}
		generation := writer.cache.GenerationKey(tags[0])
		writer.client.Del(t.Context(), generation)
		writer.client.RPush(t.Context(), generation, "not a generation")
		if invalidated, err := put(); invalidated || err != nil {
			t.Errorf("refused, but invalidated: %v, %v", invalidated, err)
		}
	})
}

// A put whose caller has given up may still be in a batch, as may its invalidation.
func TestInvalidateWith_PromisesNothingAfterItsTime(t *testing.T) {
	n := quietNode(t, devtest.Redis(t), time.Second)
	put := func(ctx context.Context) (bool, error) {
		return n.cache.InvalidateWith(ctx, redis.NewStatusCmd(ctx, "set", "test:put", 1), "thing")
	}
	open := make(chan struct{})
	n.valve.shut(func(context.Context) error { <-open; return errFaulty })
	var held sync.WaitGroup
	before := n.valve.calls.Load()
	for range 10 { // two go out at once, and the others wait for them
		held.Go(func() { _, _ = put(t.Context()) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	devtest.Eventually(t, "calls are on their way", func() bool { return n.valve.calls.Load() >= before+2 })
	if invalidated, err := put(ctx); invalidated || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("invalidated: %v, %v", invalidated, err)
	}
	n.valve.open()
	close(open)
	held.Wait()
	if invalidated, err := put(t.Context()); !invalidated || err != nil {
		t.Errorf("then invalidated: %v, %v", invalidated, err)
	}
}
