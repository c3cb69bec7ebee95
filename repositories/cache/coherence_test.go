package cache_test

import (
	"context"
	"testing"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

func TestWrite_IsSeenByItsOwnProcessAtOnce(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		for value := range int64(50) {
			if err := n.cache.Write(t.Context(), tags[:1], s.set(value)); err != nil {
				t.Fatal(err)
			}
			n.gives(t, s, value)
			n.gives(t, s, value)
		}
		if loads := s.loads.Load(); loads != 50 {
			t.Errorf("%d loads, want one for each write", loads)
		}
	})
}

func TestWrite_IsSeenByOtherProcessesWhenTheyHearOfIt(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, reader, s := newNode(t, url), newNode(t, url), new(source)
		for value := range int64(20) {
			reader.gives(t, s, value)
			if err := writer.cache.Write(t.Context(), tags[1:], s.set(value+1)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the other process gives the new value", func() bool {
				got, err := reader.get(t.Context(), s.load)
				return err == nil && got == value+1
			})
		}
	})
}

// A session that has just written reads with Fresh, through any process.
func TestGet_FreshReadsPastMemory(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, reader, s := newNode(t, url), newNode(t, url), new(source)
		for value := range int64(50) {
			reader.gives(t, s, value)
			if err := writer.cache.Write(t.Context(), tags, s.set(value+1)); err != nil {
				t.Fatal(err)
			}
			fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
			if got, err := reader.get(fresh, s.load); err != nil || got != value+1 {
				t.Fatalf("read %d, %v; want %d", got, err, value+1)
			}
		}
	})
}

// A flight that began before the caller's own write must not answer it.
func TestGet_FreshJoinsNoFlight(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, s := newNode(t, url), new(source)
		old := n.beginLoad(t, 1)
		s.value.Store(2)
		if got, err := n.get(tracing.With(t.Context(), &tracing.Trace{Fresh: true}), s.load); err != nil || got != 2 {
			t.Errorf("read %d, %v; want 2", got, err)
		}
		old.end(t)
	})
}

func TestInvalidate_DropsWhateverHasTheTag(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n, other := newNode(t, url), newNode(t, url)
		load := func(context.Context) (int64, error) { return 1, nil }
		keys := map[string][]string{"a": {"group", "a"}, "b": {"group", "b"}, "c": {"c"}}
		for _, c := range []struct {
			tag  string
			left map[string]bool
		}{
			{"group", map[string]bool{"c": true}},
			{"b", map[string]bool{"a": true, "c": true}},
			{cache.Everything, map[string]bool{}},
			{"line\nbreak {brace}", map[string]bool{"a": true, "b": true, "c": true}},
		} {
			for key, tags := range keys {
				for _, n := range []*node{n, other} {
					if _, err := n.numbers.Get(t.Context(), key, tags, load); err != nil {
						t.Fatal(err)
					}
				}
			}
			_ = n.cache.Invalidate(t.Context(), c.tag)
			for key, tags := range keys {
				for _, trace := range []*tracing.Trace{{}, {Fresh: true}} {
					_, err := n.numbers.Get(tracing.With(t.Context(), trace), key, tags, loadNothing)
					if held := err == nil; held != c.left[key] {
						t.Errorf("after %q: %q is held: %v", c.tag, key, held)
					}
				}
			}
			eventually(t, "the other process has heard of it", func() bool {
				for key, tags := range keys {
					_, err := other.numbers.Get(t.Context(), key, tags, loadNothing)
					if (err == nil) != c.left[key] {
						return false
					}
				}
				return true
			})
		}
	})
}

// Whatever a tag is made of, word of it arrives whole.
func TestInvalidate_TellsOthersOfAnyTag(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		writer, reader := newNode(t, url), newNode(t, url)
		for _, tag := range []string{"two\nlines", "{brace}", "\xff\x00", "#hash", ""} {
			load := func(context.Context) (int64, error) { return 1, nil }
			if _, err := reader.numbers.Get(t.Context(), tag, []string{tag}, load); err != nil {
				t.Fatal(err)
			}
			_ = writer.cache.Invalidate(t.Context(), tag)
			eventually(t, "the other process has heard of the tag", func() bool {
				_, err := reader.numbers.Get(t.Context(), tag, []string{tag}, loadNothing)
				return err != nil
			})
		}
	})
}
