package cache_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// TestMain gives each database the table cache_invalidations.
func TestMain(m *testing.M) {
	if redisURL, database, found := strings.Cut(os.Getenv(doomedVariable), " "); found {
		beDoomed(redisURL, database)
	}
	_ = flag.Set("test.parallel", "8")                // most tests wait
	time.Local = time.FixedZone("elsewhere", 2*60*60) // no test may pass because this machine keeps UTC
	const migration = "00002_cache_invalidations.sql"
	text, err := os.ReadFile("../migrations/" + migration)
	if err != nil {
		panic(err)
	}
	devtest.Main(m, fstest.MapFS{migration: {Data: text}})
}

func takesSeconds(t *testing.T) {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
}

var (
	errAbsent  = &problem.Error{Code: problem.NotFound, Message: "No such thing."}
	errNothing = errors.New("nothing is held")
	tags       = []string{"thing", "things"}
)

func loadNothing(context.Context) (int64, error) { return 0, errNothing }

// node is what one process has of the cache.
type node struct {
	client  redis.UniversalClient
	valve   *valve // between client and Redis
	cache   *cache.Cache
	numbers *cache.Table[int64]
}

// openNode returns a node whose cache is not yet started.
func openNode(t testing.TB, url string, changes ...func(*cache.Options)) *node {
	t.Helper()
	client := openClient(t, url)
	v := new(valve)
	client.AddHook(v)
	o := cache.Options{
		Client: client, Prefix: "test:", MemoryTTL: time.Minute, MaxItems: 1000, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
	for _, change := range changes {
		change(&o)
	}
	c := cache.New(o)
	t.Cleanup(c.Close)
	return &node{client: client, valve: v, cache: c, numbers: cache.NewTable[int64](c, cache.TableOptions{
		Name: "numbers", TTL: time.Hour, Grace: time.Hour, Absent: errAbsent, AbsentTTL: time.Minute,
	})}
}

// newNode returns a node that uses Redis and hears of the others.
func newNode(t testing.TB, url string, changes ...func(*cache.Options)) *node {
	t.Helper()
	n := openNode(t, url, changes...)
	n.cache.Start(t.Context())
	n.ready(t)
	return n
}

// quietNode returns a node that uses Redis, but does nothing in the background: it neither
// hears of others, nor sends by itself what is pending.
func quietNode(t testing.TB, url string, budget time.Duration) *node {
	t.Helper()
	n := openNode(t, url, func(o *cache.Options) { o.Budget = budget })
	n.cache.Connect(t.Context())
	devtest.Eventually(t, "the cache uses Redis", func() bool { n.cache.Recover(t.Context()); return n.cache.Usable() })
	return n
}

func openClient(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url, 16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func ownRedis(t testing.TB) string { return devtest.OwnRedis(t).URL }

// everyRedis runs a test on a real server, and on the one that stands in for it on a
// machine without.
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

func (n *node) ready(t testing.TB) {
	t.Helper()
	devtest.Eventually(t, "the cache uses Redis", func() bool { return n.cache.Usable() && n.cache.Hearing() })
}

// die stops all that the node does, as kill -9 stops a process.
func (n *node) die() {
	n.valve.shut(refuse)
	n.cache.Deafen()
}

func (n *node) get(ctx context.Context, load func(context.Context) (int64, error)) (int64, error) {
	return n.numbers.Get(ctx, "key", tags, load)
}

// gives checks that a read returns the value.
func (n *node) gives(t testing.TB, s *source, want int64) {
	t.Helper()
	if got, err := n.get(t.Context(), s.load); err != nil || got != want {
		t.Errorf("read %d, %v; want %d", got, err, want)
	}
}

// soonGives waits until a read returns the value.
func (n *node) soonGives(t testing.TB, s *source, want int64) {
	t.Helper()
	devtest.Eventually(t, "another process gives the new value", func() bool {
		got, err := n.get(t.Context(), s.load)
		return err == nil && got == want
	})
}

// held is what a read returns without a load; fresh says to read past memory.
func (n *node) held(ctx context.Context, fresh bool) (value int64, held bool) {
	value, err := n.get(tracing.With(ctx, &tracing.Trace{Fresh: fresh}), loadNothing)
	return value, !errors.Is(err, errNothing)
}

// holdsOnly reports whether neither memory nor Redis has another value.
func (n *node) holdsOnly(ctx context.Context, want int64) bool {
	for _, fresh := range []bool{false, true} {
		if value, held := n.held(ctx, fresh); held && value != want {
			return false
		}
	}
	return true
}

// holdsNothing checks that neither memory nor Redis has a value.
func (n *node) holdsNothing(t testing.TB) {
	t.Helper()
	for _, fresh := range []bool{false, true} {
		if value, held := n.held(t.Context(), fresh); held {
			t.Errorf("the cache holds %d; read past memory: %v", value, fresh)
		}
	}
}

// plain is the context of a request, fresh that of one whose session has just written.
func plain(t testing.TB) context.Context { return tracing.With(t.Context(), new(tracing.Trace)) }
func fresh(t testing.TB) context.Context {
	return tracing.With(t.Context(), &tracing.Trace{Fresh: true})
}

// source is a thing that can be read and written, and counts how often it is read.
type source struct {
	db    *sqlx.DB // has the value as a row; nil: it is in value
	value atomic.Int64
	loads atomic.Int64
	fail  atomic.Pointer[problem.Error]
}

// newRow makes a row the source, in a database of its own.
func newRow(t testing.TB, database string) *source {
	t.Helper()
	s := &source{db: openDatabase(t, database)}
	if _, err := s.db.ExecContext(t.Context(), "CREATE TABLE truth AS SELECT 0::bigint AS value"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *source) load(ctx context.Context) (value int64, err error) {
	s.loads.Add(1)
	if s.db != nil {
		err = s.db.GetContext(ctx, &value, "SELECT value FROM truth")
		return value, err
	}
	value = s.value.Load()
	if err := s.fail.Load(); err != nil {
		return 0, err
	}
	return value, nil
}

func (s *source) set(value int64) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.db != nil {
			_, err := s.db.ExecContext(ctx, "UPDATE truth SET value = $1", value)
			return err
		}
		s.value.Store(value)
		return nil
	}
}

// load is one that has read its value and has not yet returned it.
type load struct {
	finish func()
	done   sync.WaitGroup
	value  int64
	err    error
}

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

// valve counts the calls of a client. While it is shut, a fault answers in Redis' place.
type valve struct {
	calls, scripts atomic.Int64
	fault          atomic.Pointer[fault]
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

// during returns how many calls do makes.
func (v *valve) during(do func()) int64 {
	before := v.calls.Load()
	do()
	return v.calls.Load() - before
}

func (v *valve) pass(ctx context.Context, name string, call func() error) error {
	if name == "info" { // it tells which server it is, and no more
		return call()
	}
	v.calls.Add(1)
	if name == "evalsha" {
		v.scripts.Add(1)
	}
	if f := v.fault.Load(); f != nil {
		return (*f)(ctx)
	}
	return call()
}

func (v *valve) DialHook(next redis.DialHook) redis.DialHook { return next }

func (v *valve) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		return v.pass(ctx, command.Name(), func() error { return next(ctx, command) })
	}
}

func (v *valve) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		return v.pass(ctx, commands[0].Name(), func() error { return next(ctx, commands) })
	}
}
