package writebehind_test

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services/problem"
)

func TestPut_IsPendingUntilItIsStored(t *testing.T) {
	s := newFixture(t)
	for value := range int64(11) {
		s.put(1, value)
	}
	if depth, err := s.Put(t.Context(), 2, 20); depth != 2 || err != nil {
		t.Errorf("the depth is %d, %v", depth, err)
	}
	s.wantInvalidated(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2)
	if got, err := s.Pending(t.Context(), 1, 2, 3); err != nil || len(got) != 2 || got[1] != 10 || got[2] != 20 {
		t.Errorf("pending are %v, %v", got, err)
	}
	field := s.client.HGet(t.Context(), s.Hash(), "1").Val()
	if got, err := s.Decode(field); err != nil || got != 10 {
		t.Errorf("the field %q is %v, %v", field, got, err)
	}
	s.wantStored(1, -1)
	s.flush()
	s.wantStored(1, 10)
	s.wantStored(2, 20)
	s.wantWaiting(0, 0)
	if len(s.batches) != 1 || len(s.batches[0]) != 2 {
		t.Errorf("many values of a key are stored as %v", s.batches)
	}
	if got, err := s.Pending(t.Context(), 1, 2); err != nil || len(got) != 0 {
		t.Errorf("still pending are %v, %v", got, err)
	}
}

func TestPut_OfMoreKeysThanMayWaitIsRefused(t *testing.T) {
	s := newFixture(t, room(2), putsAndInvalidates)
	s.putAll(2, 10)
	for range 3 {
		s.wantRefused(3, writebehind.ErrFull)
	}
	s.wantRoundTrips(0, 2) // a put that is refused invalidates nothing
	s.put(1, 13)           // takes no more room
	s.refuse("13")
	s.flush()
	s.put(3, 31)
	s.wantRefused(4, writebehind.ErrFull) // beside a dead letter
	s.put(1, 11)                          // in its place
	s.flush()
	s.wantStored(1, 11)
	s.wantStored(3, 31)
	s.wantMetrics(map[string]float64{
		"puts_total buffered": 5, "puts_total full": 4, "dead_lettered_total": 1, "stored_total": 3, "batch_duration_seconds": 2,
	})
}

func TestMetrics_AgeOfTheOldest(t *testing.T) {
	s := newFixture(t)
	s.putAll(2, 10)
	const hour = 3_600_000_000 // in microseconds
	s.client.ZIncrBy(t.Context(), prefix+"dirty", -hour, "1")
	s.put(1, 11) // keeps its place
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if age := family.GetMetric()[0].GetGauge().GetValue(); strings.Contains(family.GetName(), "oldest") && int(age/60) != 60 {
			t.Errorf("the oldest waits for %v s", age)
		}
	}
}

func TestPut_WritesThroughIfRedisMayEvict(t *testing.T) {
	server := devtest.OwnRedis(t)
	for name, c := range map[string]struct{ url, setting, value, mode, log string }{
		"miniredis":           {"redis://" + miniredis.RunT(t).Addr(), "", "", "write-through", "writes are not buffered"},
		"an evicting server":  {server.URL, "maxmemory-policy", "allkeys-lru", "write-through", "writes are not buffered"},
		"without persistence": {server.URL, "appendonly", "no", "buffered", "no append-only file"},
	} {
		s := newFixtureOn(t, newTable(t), c.url)
		s.client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction")
		s.client.ConfigSet(t.Context(), c.setting, c.value)
		s.Start(t.Context())
		s.Start(t.Context())
		s.wantLogged(c.log)
		for value := range int64(2) {
			s.put(1, value)
			if c.mode == "write-through" {
				s.wantStored(1, value)
			}
		}
		s.flush()
		s.wantWaiting(0, 0)
		s.wantStored(1, 1)
		if s.Mode() != c.mode {
			t.Errorf("%s: the mode is %s", name, s.Mode())
		}
	}
}

// What waits is older than what is put now, and must not be stored after it.
func TestPut_WritesThroughOnlyIfNothingWaits(t *testing.T) {
	server, database := devtest.OwnRedis(t), newTable(t)
	buffering := newFixtureOn(t, database, server.URL)
	buffering.refuse("13")
	buffering.putAll(2, 13)
	buffering.flush()
	buffering.put(1, 10)
	buffering.client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru")
	s := newFixtureOn(t, database, server.URL)
	if _, err := s.Put(t.Context(), 1, 11); problem.CodeOf(err) != problem.Unavailable || errors.Is(err, writebehind.ErrFull) {
		t.Errorf("while an older value waits: %v", err)
	}
	s.wantMetrics(map[string]float64{"puts_total write_through_failed": 1, "puts_total write_through": 0})
	s.put(2, 20) // in place of the dead letter
	s.wantWaiting(1, 0)
	s.flush()
	s.put(1, 11)
	s.wantStored(1, 11)
	s.wantStored(2, 20)
	s.refuse("1")
	if _, err := s.Put(t.Context(), 3, 1); err == nil {
		t.Error("a write that PostgreSQL refuses is acknowledged")
	}
	s.accept("1")
	server.Stop() // what waits there is not known
	s.wantRefused(3, problem.ErrUnavailable)
	s.wantStored(3, -1)
	if _, err := s.Pending(t.Context(), 1); problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("what waits is read: %v", err)
	}
}

func TestPut_WithoutRedisIsRefused(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newFixtureOn(t, newTable(t), server.URL)
	for _, mode := range []string{"unavailable", "buffered"} {
		server.Stop()
		s.wantRefused(1, problem.ErrUnavailable)
		if s.Mode() != mode {
			t.Errorf("the mode is %s, want %s", s.Mode(), mode)
		}
		server.Start()
		s.put(2, 12)
	}
	s.wantWaiting(1, 0)
	s.flush()
	s.wantStored(2, 12)
}

// The network may deliver a request long after its client has given up.
func TestPut_ThatArrivesLateChangesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, c := range map[string]struct {
		held   devtest.Hold
		late   time.Duration // after the next put
		flush  bool          // the next put
		cancel bool          // the request
		first  bool          // of its process
	}{
		"a try, later":               {held: devtest.Hold{Pieces: 1}, late: time.Second},
		"a try, its connection cut":  {held: devtest.Hold{Pieces: 1, Reset: true}},
		"all tries":                  {held: devtest.Hold{Pieces: 2}},
		"all tries, connections cut": {held: devtest.Hold{Pieces: 2, Reset: true}},
		"after a newer, stored":      {held: devtest.Hold{Pieces: 2}, flush: true},
		"of a cancelled request":     {held: devtest.Hold{Pieces: 1}, cancel: true},
		"the first of a process":     {held: devtest.Hold{Pieces: 2}, first: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := devtest.OwnRedis(t)
			line, database := devtest.Slow(t, server.URL), newTable(t)
			s, other := newFixtureOn(t, database, line.URL, putsAndInvalidates), newFixtureOn(t, database, server.URL)
			other.put(1, 1) // now the script is known
			if !c.first {
				s.put(1, 1) // and Redis' clock
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.cancel {
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			c.held.Text = "evalsha"
			release := line.Hold(t, c.held)
			_, err := s.Put(ctx, 1, 1111)
			if refused := c.held.Pieces == 2 || c.cancel; refused != (problem.CodeOf(err) == problem.Unavailable) {
				t.Errorf("the put: %v", err)
			}
			other.put(1, 2222)
			if c.flush {
				other.flush()
			}
			time.Sleep(c.late)
			before := scriptCalls(t, other.client)
			release()
			devtest.Eventually(t, "the put arrives", func() bool { return scriptCalls(t, other.client) == before+int(c.held.Pieces) })
			if got, err := other.Pending(t.Context(), 1); err != nil || !c.flush && got[1] != 2222 || c.flush && len(got) > 0 {
				t.Errorf("pending is %v, %v", got, err)
			}
			other.flush()
			other.wantStored(1, 2222)
			s.put(1, 3333)
			other.flush()
			other.wantStored(1, 3333)
		})
	}
}

var scriptCallsPattern = regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`)

func scriptCalls(t *testing.T, client redis.UniversalClient) int {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(scriptCallsPattern.FindStringSubmatch(info)[1])
	return n
}

const invalidations = prefix + "invalidations" // counts those in the round trip of a put

func putsAndInvalidates(o *options) {
	o.PutAndInvalidate = func(ctx context.Context, put redis.Cmder, _ int64) (bool, error) {
		commands, _ := o.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
			_ = p.Process(ctx, put)
			p.Incr(ctx, invalidations)
			return nil
		})
		return commands[1].Err() == nil, put.Err()
	}
}

// wantRoundTrips wants so many invalidations in the round trip of a put and apart from it.
func (s *fixture) wantRoundTrips(with, apart int) {
	s.t.Helper()
	if got, _ := s.client.Get(s.t.Context(), invalidations).Int(); got != with || len(s.invalidated) != apart {
		s.t.Errorf("%d invalidations with a put and %d apart, want %d and %d", got, len(s.invalidated), with, apart)
	}
}

// answering is a client that answers each command as Redis does, or with err.
type answering struct {
	redis.UniversalClient
	err error
}

func (a *answering) Process(ctx context.Context, command redis.Cmder) error {
	err := a.UniversalClient.Process(ctx, command)
	if a.err != nil {
		err = a.err
		command.SetErr(err)
	}
	return err
}

func TestPut_InvalidatesInItsOwnRoundTrip(t *testing.T) {
	s := newFixture(t, putsAndInvalidates)
	s.put(1, 8) // after this one there is known to be room
	s.wantRoundTrips(0, 1)
	s.put(1, 9)
	s.wantRoundTrips(1, 1)
	s.client.ScriptFlush(t.Context())
	s.put(1, 11)
	s.flush()
	s.wantStored(1, 11)
}

func TestPut_InvalidatesUnlessRedisRefusedIt(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	broken := errors.New("broken")
	refusal := &net.OpError{Op: "dial", Err: broken}
	type answers struct{ put, invalidate error }
	for name, c := range map[string]struct {
		with  *answers // to PutAndInvalidate
		alone error    // to a put alone
		fails bool
		apart int // invalidations
	}{
		"the invalidation fails": {with: &answers{nil, broken}, apart: 1},
		"the answers are lost":   {with: &answers{io.ErrUnexpectedEOF, io.ErrUnexpectedEOF}, apart: 1}, // it is tried again
		"nothing is sent":        {with: &answers{refusal, broken}, fails: true},
		"the answer is lost":     {alone: io.ErrUnexpectedEOF, fails: true, apart: 1},
		"Redis refuses":          {alone: redis.Nil, fails: true},
	} {
		client := new(answering)
		s := newFixture(t, func(o *options) {
			client.UniversalClient, o.Client = o.Client, client
			if c.with != nil {
				o.PutAndInvalidate = func(ctx context.Context, put redis.Cmder, _ int64) (bool, error) {
					if !c.fails {
						_ = o.Client.Process(ctx, put)
					}
					if c.with.put != nil {
						put.SetErr(c.with.put)
					}
					return c.with.invalidate == nil, put.Err()
				}
			}
		})
		s.put(1, 9)
		s.invalidated = nil
		client.err = c.alone
		if _, err := s.Put(t.Context(), 1, 10); c.fails != (problem.CodeOf(err) == problem.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.invalidated) != c.apart {
			t.Errorf("%s: invalidated are %v", name, s.invalidated)
		}
	}
}

// The put is not acknowledged, and the flush that stores the value invalidates again.
func TestPut_FailsIfTheInvalidationDoes(t *testing.T) {
	s := newFixture(t)
	s.invalidateErr = problem.ErrUnavailable
	if _, err := s.Put(t.Context(), 1, 10); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Put returns %v", err)
	}
	if err := s.Flush(t.Context(), s.store); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Flush returns %v", err)
	}
	s.wantWaiting(1, 0)
	s.invalidateErr, s.invalidated = nil, nil
	s.flush()
	s.wantInvalidated(1)
	s.wantWaiting(0, 0)
}
