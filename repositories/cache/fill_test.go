package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"example.com/prefab/services/problem"
)

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

// A load that begins while somebody writes may see either value.
func TestGet_KeepsNothingLoadedDuringAWrite(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, other, s := newNode(t, url), newNode(t, url), new(source)
		err := writer.cache.Write(t.Context(), tags[:1], func(context.Context) error {
			writer.gives(t, s, 0)
			other.gives(t, s, 0)
			writer.holdsNothing(t)
			other.holdsNothing(t)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		writer.holdsNothing(t)
		other.holdsNothing(t)
	})
}

// The feed is late or lost: the generations alone keep an old load out of Redis.
func TestGet_KeepsNothingOldInRedisWithoutTheFeed(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		deaf, err := openNode(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = deaf.client.Close() })
		deaf.cache.Join(t.Context())
		writer := newNode(t, url)
		old := deaf.beginLoad(t, 1)
		_ = writer.cache.Invalidate(t.Context(), tags[0])
		old.end(t)
		deaf.holdsNothing(t)
		writer.holdsNothing(t)
	})
}

// While a write may still be committed, nothing is kept, until its marks expire.
func TestWrite_ProtectsUntilTheWriteIsSettled(t *testing.T) {
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

// One writer that gives up leaves the other one's marks alone.
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
