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

// A write is seen by its own process at once, by others when they hear of it, and by a
// session that has just written through any process.
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
			devtest.Eventually(t, "the other process gives the new value", func() bool {
				got, err := reader.get(t.Context(), s.load)
				return err == nil && got == value+1
			})
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

// What was loaded before a write is kept nowhere, whoever loads it and whenever
// the load ends: during the write, at its end, or later.
func TestGet_KeepsNothingLoadedBeforeAWrite(t *testing.T) {
	change := func(ctx context.Context, n *node, during func()) {
		_ = n.cache.Write(ctx, tags[:1], func(context.Context) error {
			during()
			return nil
		})
	}
	invalidate := func(ctx context.Context, n *node, during func()) {
		_ = n.cache.Invalidate(ctx, tags[1])
		during()
	}
	for _, c := range []struct {
		name  string
		write func(context.Context, *node, func())
		ends  bool // the load, before the write does
	}{
		{"ends during Change", change, true},
		{"ends after Change", change, false},
		{"ends after Invalidate", invalidate, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				writer, other := newNode(t, url), newNode(t, url)
				for _, loader := range []*node{writer, other} {
					old := loader.beginLoad(t, 1)
					c.write(t.Context(), writer, func() {
						if c.ends {
							old.end(t)
						}
					})
					old.end(t)
					if old.value != 1 {
						t.Errorf("who loaded got %d", old.value)
					}
					writer.holdsNothing(t)
					other.holdsNothing(t)
				}
			})
		})
	}
}

// The message is late or lost: the generations alone keep an old load out of Redis.
func TestGet_KeepsNothingOldInRedisWithoutTheSubscription(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		deaf, err := openNode(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = deaf.client.Close() })
		deaf.cache.Connect(t.Context())
		writer := newNode(t, url)
		old := deaf.beginLoad(t, 1)
		_ = writer.cache.Invalidate(t.Context(), tags[0])
		old.end(t)
		deaf.holdsNothing(t)
		writer.holdsNothing(t)
	})
}

// While a write may still be committed, nothing is cached, until its tombstones expire.
func TestWrite_ProtectsUntilTheWriteHasEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		kept bool
	}{
		{"done", nil, true},
		{"refused", &problem.Error{Code: problem.Stale, Message: "Somebody was faster."}, true},
		{"invalid", problem.InvalidField("name", "is missing"), true},
		{"unavailable", problem.ErrUnavailable, false},
		{"wrapped", errors.Join(errors.New("the connection broke"), problem.ErrUnavailable), false},
		{"unknown", errors.New("something else"), false},
		{"timeout", context.DeadlineExceeded, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				n, other, s := newNode(t, url), newNode(t, url), new(source)
				ctx, cancel := context.WithTimeout(t.Context(), writeTimeout)
				defer cancel()
				if err := n.cache.Write(ctx, tags, func(context.Context) error { return c.err }); !errors.Is(err, c.err) {
					t.Errorf("Change returned %v, want %v", err, c.err)
				}
				other.gives(t, s, 0)
				if _, held := other.held(t.Context(), true); held != c.kept {
					t.Errorf("a value read after it is kept: %v", held)
				}
				if tombstone := n.tombstone(t, tags[0]); c.kept == (tombstone != "") {
					t.Errorf("the tombstone is %q", tombstone)
				}
			})
		})
	}
}

// One writer that gives up leaves the tombstones of the other one alone.
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
			t.Error("nothing is kept after both writes")
		}
	})
}

// Who panics may have written.
func TestWrite_ProtectsAWriteThatPanics(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	func() {
		defer func() { _ = recover() }()
		_ = n.cache.Write(t.Context(), tags, func(context.Context) error { panic("after the commit") })
	}()
	n.gives(t, s, 0)
	n.holdsNothing(t)
}

const (
	graceOfWrites  = 3 * time.Second // what PostgreSQL may take beyond a write's deadline
	unboundedWrite = 30 * time.Second
	rounding       = 20 * time.Millisecond // several places cut off a millisecond, and miniredis has a clock that ticks
)

func (n *node) tombstoneEnds(t testing.TB, tag string) (writer, key time.Time) {
	t.Helper()
	writers := strings.Fields(n.tombstone(t, tag))
	if len(writers) < 2 {
		t.Fatalf("tag %s has no writer", tag)
	}
	for _, w := range writers[1:] {
		_, text, _ := strings.Cut(w, "@")
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if end := time.UnixMilli(at); end.After(writer) {
			writer = end
		}
	}
	left := n.client.PTTL(t.Context(), n.cache.GenerationKey(tag)).Val()
	return writer, time.Now().Add(left)
}

// tombstone is what stands for the tag's generation while somebody writes, or "".
func (n *node) tombstone(t testing.TB, tag string) string {
	t.Helper()
	text := n.client.Get(t.Context(), n.cache.GenerationKey(tag)).Val()
	if !strings.HasPrefix(text, "w") {
		return ""
	}
	return text
}

// A writer's tombstones outlive the deadline of its write and what PostgreSQL may take
// beyond it, and no more: until they end, nothing can be cached.
func TestWrite_HoldsItsTombstonesForAsLongAsItMayWrite(t *testing.T) {
	for name, limit := range map[string]time.Duration{"deadline": 10 * time.Second, "none": 0, "long over": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				n := newNode(t, url)
				begin, most, request := time.Now(), max(limit, 0), t.Context()
				if limit == 0 {
					most = unboundedWrite
				} else {
					var cancel context.CancelFunc
					request, cancel = context.WithTimeout(request, limit)
					defer cancel()
				}
				err := n.cache.Write(request, tags, func(ctx context.Context) error {
					if _, bounded := ctx.Deadline(); !bounded {
						t.Error("the write has no deadline")
					}
					for _, tag := range tags {
						writer, key := n.tombstoneEnds(t, tag)
						for _, end := range []time.Time{writer, key} {
							least, last := begin.Add(most+graceOfWrites-rounding), time.Now().Add(most+graceOfWrites+rounding)
							if end.Before(least) || end.After(last) {
								t.Errorf("the tombstone of %s ends at %v, not between %v and %v", tag, end, least, last)
							}
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A put whose caller has given up may still be in a batch. Nobody may count on it, nor
// on what goes with it.
func TestInvalidateWith_PromisesNothingAfterItsTime(t *testing.T) {
	n, v := newValve(t, devtest.Redis(t), time.Second)
	put := func(ctx context.Context) (bool, error) {
		return n.cache.InvalidateWith(ctx, redis.NewStatusCmd(ctx, "set", "test:put", 1), "thing")
	}
	open := make(chan struct{})
	v.shut(func(context.Context) error { <-open; return errFaulty })
	var held sync.WaitGroup
	before := v.calls.Load()
	for range 10 { // two go out at once, and the others wait for them
		held.Go(func() { _, _ = put(t.Context()) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	devtest.Eventually(t, "calls are on their way", func() bool { return v.calls.Load() >= before+2 })
	if invalidated, err := put(ctx); invalidated || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("invalidated: %v, %v", invalidated, err)
	}
	v.open()
	close(open)
	held.Wait()
	if invalidated, err := put(t.Context()); !invalidated || err != nil {
		t.Errorf("then invalidated: %v, %v", invalidated, err)
	}
}
