package cache_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

var errAbsent = &problem.Error{Code: problem.NotFound, Message: "No such thing."}
var tags = []string{"thing", "things"}

// node is what one process has of the cache.
type node struct {
	client  redis.UniversalClient
	cache   *cache.Cache
	numbers *cache.Table[int64]
}

// openNode returns a node whose cache is not yet started.
func openNode(url string, changes ...func(*cache.Options)) (*node, error) {
	client, err := redisclient.Open(url, 16)
	if err != nil {
		return nil, err
	}
	o := cache.Options{
		Client: client, Prefix: "test:", MemoryTTL: time.Minute, MaxItems: 1000, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
	for _, change := range changes {
		change(&o)
	}
	c := cache.New(o)
	return &node{client: client, cache: c, numbers: cache.NewTable[int64](c, cache.TableOptions{
		Name: "numbers", TTL: time.Hour, Grace: time.Hour, Absent: errAbsent, AbsentTTL: time.Minute,
	})}, nil
}

// newNode returns a node that uses Redis and hears of the others.
func newNode(t testing.TB, url string, changes ...func(*cache.Options)) *node {
	t.Helper()
	n, err := openNode(url, changes...)
	if err != nil {
		t.Fatal(err)
	}
	n.cache.Start(t.Context())
	t.Cleanup(func() {
		n.cache.Close()
		_ = n.client.Close()
	})
	n.ready(t)
	return n
}

func (n *node) ready(t testing.TB) {
	t.Helper()
	devtest.Eventually(t, "the cache uses Redis", func() bool { return n.cache.Usable() && n.cache.Hearing() })
}

func (n *node) get(ctx context.Context, load func(context.Context) (int64, error)) (int64, error) {
	return n.numbers.Get(ctx, "key", tags, load)
}

// gives asks that a read answers the value.
func (n *node) gives(t testing.TB, s *source, want int64) {
	t.Helper()
	if got, err := n.get(t.Context(), s.load); err != nil || got != want {
		t.Errorf("read %d, %v; want %d", got, err, want)
	}
}

// held is what a read gives without a load; redis says to read past memory.
func (n *node) held(ctx context.Context, inRedis bool) (value int64, held bool) {
	ctx = tracing.With(ctx, &tracing.Trace{Fresh: inRedis})
	value, err := n.get(ctx, loadNothing)
	return value, !errors.Is(err, errNothing)
}

// holdsNothing asks that neither level has a value.
func (n *node) holdsNothing(t testing.TB) {
	t.Helper()
	if value, held := n.held(t.Context(), false); held {
		t.Errorf("memory or Redis holds %d", value)
	}
	if value, held := n.held(t.Context(), true); held {
		t.Errorf("Redis holds %d", value)
	}
}

func fresh(t testing.TB) context.Context {
	return tracing.With(t.Context(), &tracing.Trace{Fresh: true})
}

// source is a thing that can be read and written, and counts how often it is read.
type source struct {
	value atomic.Int64
	loads atomic.Int64
	fail  atomic.Pointer[problem.Error]
}

func (s *source) load(context.Context) (int64, error) {
	s.loads.Add(1)
	value := s.value.Load()
	if err := s.fail.Load(); err != nil {
		return 0, err
	}
	return value, nil
}

func (s *source) set(value int64) func(context.Context) error {
	return func(context.Context) error {
		s.value.Store(value)
		return nil
	}
}

var errNothing = errors.New("nothing is held")

func loadNothing(context.Context) (int64, error) { return 0, errNothing }

// everyRedis runs a test on a real server and on the imitation that stands in for
// one on a bare machine.
func everyRedis(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, devtest.Redis(t))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		m := miniredis.RunT(t)
		m.ClockTTL(true) // as devservices has it
		test(t, "redis://"+m.Addr())
	})
}

func ownRedis(t testing.TB) string { return devtest.OwnRedis(t).URL }

func openClient(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// valve stands between a client and Redis. It counts the calls; while it is shut,
// its fault answers in Redis' place.
type valve struct {
	calls atomic.Int64
	fault atomic.Pointer[fault]
}

type fault func(context.Context) error

var errFaulty = errors.New("something is wrong with Redis")

func refuse(context.Context) error { return errFaulty }

func stall(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (v *valve) shut(f fault) { v.fault.Store(&f) }
func (v *valve) open()        { v.fault.Store(nil) }

func (v *valve) pass(ctx context.Context, call func() error) error {
	v.calls.Add(1)
	if f := v.fault.Load(); f != nil {
		return (*f)(ctx)
	}
	return call()
}

// during returns how many calls do makes.
func (v *valve) during(do func()) int64 {
	before := v.calls.Load()
	do()
	return v.calls.Load() - before
}

func (v *valve) DialHook(next redis.DialHook) redis.DialHook { return next }

func (v *valve) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if command.Name() == "info" { // it tells which server it is, and no more
			return next(ctx, command)
		}
		return v.pass(ctx, func() error { return next(ctx, command) })
	}
}

func (v *valve) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		return v.pass(ctx, func() error { return next(ctx, commands) })
	}
}

// newValve returns a node that uses Redis through a valve. Nothing runs beside its
// callers: neither does it hear of others, nor send by itself what is pending.
func newValve(t testing.TB, url string, budget time.Duration) (*node, *valve) {
	t.Helper()
	n, err := openNode(url, func(o *cache.Options) { o.Budget = budget })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.cache.Close()
		_ = n.client.Close()
	})
	v := new(valve)
	n.client.AddHook(v)
	n.cache.Connect(t.Context())
	devtest.Eventually(t, "the cache uses Redis", func() bool { n.cache.Recover(t.Context()); return n.cache.Usable() })
	return n, v
}
