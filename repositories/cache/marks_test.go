package cache_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

const (
	graceOfWrites  = 3 * time.Second // what PostgreSQL may take beyond a write's deadline
	unboundedWrite = 30 * time.Second
	rounding       = 20 * time.Millisecond // several places cut off a millisecond, and miniredis has a clock that ticks
)

// markedUntil returns when the tag's last mark of a writer ends, and when its key does.
func (n *node) markedUntil(t testing.TB, tag string) (mark, key time.Time) {
	t.Helper()
	writers := strings.Fields(n.tombstone(t, tag))
	if len(writers) < 2 {
		t.Fatalf("tag %s has no writer", tag)
	}
	for _, writer := range writers[1:] {
		_, text, _ := strings.Cut(writer, "@")
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if end := time.UnixMilli(at); end.After(mark) {
			mark = end
		}
	}
	return mark, time.Now().Add(n.client.PTTL(t.Context(), n.cache.GenerationKey(tag)).Val())
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

// A writer's marks outlive its write's deadline and what PostgreSQL may take
// beyond it, and no more: until they end, nobody can keep anything.
func TestWrite_MarksItsTagsForAsLongAsItMayWrite(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(context.Context) (context.Context, context.CancelFunc)
		most    time.Duration
	}{
		{"deadline", within(10 * time.Second), 10 * time.Second},
		{"no deadline", context.WithCancel, unboundedWrite},
		{"deadline long over", within(-time.Hour), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyRedis(t, func(t *testing.T, url string) {
				n := newNode(t, url)
				begin := time.Now()
				request, cancel := c.request(t.Context())
				defer cancel()
				err := n.cache.Write(request, tags, func(ctx context.Context) error {
					deadline, bounded := ctx.Deadline()
					if !bounded {
						t.Error("the write has no deadline")
					}
					if usual := begin.Add(c.most); deadline.Before(usual) {
						deadline = usual
					}
					for _, tag := range tags {
						mark, key := n.markedUntil(t, tag)
						for _, end := range []time.Time{mark, key} {
							if least := deadline.Add(graceOfWrites - rounding); end.Before(least) {
								t.Errorf("the mark of %s ends %v too early", tag, least.Sub(end))
							}
							if most := time.Now().Add(c.most + graceOfWrites + rounding); end.After(most) {
								t.Errorf("the mark of %s ends %v too late", tag, end.Sub(most))
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

func within(limit time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, limit)
	}
}

// A short write beside a long one shortens nothing.
func TestWrite_LeavesALongerWritersMarksAsTheyAre(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		_ = n.cache.Write(t.Context(), tags, func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			last := deadline.Add(graceOfWrites - rounding)
			ask := func() {
				t.Helper()
				if mark, key := n.markedUntil(t, tags[0]); mark.Before(last) || key.Before(last) {
					t.Errorf("the mark ends %v, its key %v too early", last.Sub(mark), last.Sub(key))
				}
			}
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_ = n.cache.Write(short, tags, func(context.Context) error {
				ask()
				return nil
			})
			ask()
			return nil
		})
	})
}

// After a refusal nothing can be committed any more, whatever its reason.
func TestWrite_TakesItsMarksAwayAfterAnyRefusal(t *testing.T) {
	n := newNode(t, devtest.Redis(t))
	for code := problem.Malformed; code < problem.Unavailable; code++ {
		refusal := &problem.Error{Code: code, Message: "No."}
		_ = n.cache.Write(t.Context(), tags, func(context.Context) error { return refusal })
		for _, tag := range tags {
			if tombstone := n.tombstone(t, tag); tombstone != "" {
				t.Fatalf("code %d: the tombstone of %s stays: %s", code, tag, tombstone)
			}
		}
	}
}
