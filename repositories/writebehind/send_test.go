package writebehind_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

const told = keys + "told" // counts what was sent behind puts

// sends puts together with news, which is a counter.
func sends(o *stockOptions) {
	o.Send = func(ctx context.Context, put redis.Cmder, _ int64) (bool, error) {
		commands, _ := o.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
			_ = p.Process(ctx, put)
			p.Incr(ctx, told)
			return nil
		})
		return commands[1].Err() == nil, put.Err()
	}
}

func (s *shelf) wantTold(behind, apart int) {
	s.t.Helper()
	if got, _ := s.client.Get(s.t.Context(), told).Int(); got != behind || len(s.changed) != apart {
		s.t.Errorf("caches are told %d times behind a put and %d times apart from it, want %d and %d",
			got, len(s.changed), behind, apart)
	}
}

// trips counts round trips.
type trips struct{ n atomic.Int32 }

func (*trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmds)
	}
}

func TestPut_TellsCachesInItsOwnRoundTrip(t *testing.T) {
	s := newShelf(t, 1, sends)
	s.put(1, 8) // what it needs to know of Redis is known
	s.wantTold(0, 1)
	s.put(1, 9) // and there are connections
	s.wantTold(1, 1)
	count := new(trips)
	s.client.AddHook(count)
	s.put(1, 10)
	if n := count.n.Load(); n != 1 {
		t.Errorf("a put takes %d round trips", n)
	}
	s.wantTold(2, 1)
	s.flush()
	s.stored(1, 10)
}

func TestPut_OfAScriptThatRedisHasForgottenIsTakenOnce(t *testing.T) {
	s := newShelf(t, 1, sends)
	s.put(1, 9)
	s.client.ScriptFlush(t.Context())
	before := s.version()
	s.put(1, 10)
	s.wantTold(2, 1) // the first for nothing
	if s.version() == before {
		t.Error("it is not taken")
	}
	s.flush()
	s.stored(1, 10)
}

// version is the buffer's highest.
func (s *shelf) version() string { return s.client.Get(s.t.Context(), keys+"version").Val() }

// To tell caches would cost readers what they have, for a put that changes nothing.
func TestPut_BeyondWhatMayWaitTellsNoCache(t *testing.T) {
	s := newShelf(t, 3, sends, func(o *stockOptions) { o.MaxPending = 2 })
	s.put(1, 10)
	s.put(2, 10)
	for range 3 {
		if _, err := s.Put(t.Context(), 3, 10); problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("got %v", err)
		}
	}
	s.wantTold(0, 2)
}

func TestPut_TellsCachesApartWhereItCouldNotBeforeItsEnd(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		put   error // what Send makes of the put's answer, which Redis has taken unless it was not sent
		news  error
		fails bool
		apart int
	}{
		"the news are lost":    {news: broken, apart: 1},
		"the answers are lost": {put: io.ErrUnexpectedEOF, news: io.ErrUnexpectedEOF, apart: 1}, // and it is tried again
		"nothing is sent":      {put: &net.OpError{Op: "dial", Err: broken}, news: broken, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 1, func(o *stockOptions) {
				o.Send = func(ctx context.Context, put redis.Cmder, _ int64) (bool, error) {
					if !c.fails {
						_ = o.Client.Process(ctx, put)
					}
					if c.put != nil {
						put.SetErr(c.put)
					}
					return c.news == nil, put.Err()
				}
			})
			s.put(1, 9)
			s.changed = nil
			_, err := s.Put(t.Context(), 1, 10)
			if c.fails != (problem.CodeOf(err) == problem.Unavailable) {
				t.Errorf("got %v", err)
			}
			if len(s.changed) != c.apart {
				t.Errorf("caches are told %d times", len(s.changed))
			}
		})
	}
}
