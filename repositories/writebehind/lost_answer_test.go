package writebehind_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// losing loses the answers to scripts, which Redis has run.
type losing struct{}

func (losing) DialHook(next redis.DialHook) redis.DialHook { return next }

func (losing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (losing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") && err == nil {
			cmd.SetErr(io.ErrUnexpectedEOF)
			return io.ErrUnexpectedEOF
		}
		return err
	}
}

// Readers may see it from then on, and must not find the older one in a cache.
func TestPut_WhoseAnswerIsLostTellsCachesNevertheless(t *testing.T) {
	s := newShelf(t, 1)
	s.put(1, 9) // Redis' clock is known
	s.flush()
	s.changed = nil
	s.client.AddHook(losing{})
	if _, err := s.Put(t.Context(), 1, 10); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("got %v", err)
	}
	s.waits(1, 0)
	if !slices.Equal(s.changed, []int64{1}) {
		t.Errorf("caches were told of %v", s.changed)
	}
}

// refusing answers each script with an error of Redis itself, as one that is full does.
type refusing struct{ losing }

func (refusing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			return redis.Nil
		}
		return next(ctx, cmd)
	}
}

// To tell caches of each would cost more than the refusal, and change nothing.
func TestPut_ThatRedisHasNotTakenTellsNoCache(t *testing.T) {
	s := newShelf(t, 1)
	s.client.AddHook(refusing{})
	if _, err := s.Put(t.Context(), 1, 10); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("got %v", err)
	}
	if len(s.changed) > 0 {
		t.Errorf("caches were told of %v", s.changed)
	}
}

// Others would go on with the older value: it must not be answered as done, and is
// told of again when it is stored.
func TestPut_ThatCachesCannotBeToldOfFails(t *testing.T) {
	s := newShelf(t, 1)
	s.unchanged = problem.ErrUnavailable
	if _, err := s.Put(t.Context(), 1, 10); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("Put returns %v", err)
	}
	if err := s.Flush(t.Context(), s.store); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("Flush returns %v", err)
	}
	s.waits(1, 0)
	s.unchanged, s.changed = nil, nil
	if err := s.Flush(t.Context(), s.store); err != nil || !slices.Equal(s.changed, []int64{1}) {
		t.Errorf("Flush returns %v, and tells of %v", err, s.changed)
	}
	s.waits(0, 0)
}
