package invalidations_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/cache/invalidations"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// staleness is what docs/caching.md promises: how long after a write was answered
// any other process may give the older value.
const staleness = 3 * time.Second

// TestMain gives each database the table cache_invalidations.
func TestMain(m *testing.M) {
	const migration = "00002_cache_invalidations.sql"
	text, err := os.ReadFile("../../migrations/" + migration)
	if err != nil {
		panic(err)
	}
	devtest.Main(m, fstest.MapFS{migration: {Data: text}})
}

// node is what one process has of the table kv, at the end of a line to Redis of its own.
type node struct {
	db     *sqlx.DB
	cache  *cache.Cache
	values *cache.Table[int64]
	line   *devtest.SlowRedis
	loads  atomic.Int64
}

func newNode(t *testing.T, name, redisURL string, db *sqlx.DB) *node {
	t.Helper()
	n := &node{db: db, line: devtest.Slow(t, redisURL)}
	records := invalidations.New(db)
	n.cache = cache.New(cache.Options{
		Client: devtest.RedisClient(t, n.line.URL), Prefix: name + ":", MemoryTTL: time.Minute, MaxItems: 100,
		MaxBytes: 1 << 20, ValueLimit: 1 << 16, Budget: 150 * time.Millisecond,
		Record: records.Record, Recorded: records.Recorded,
	})
	n.values = cache.NewTable[int64](n.cache, cache.TableOptions{Name: "kv", TTL: time.Hour, Grace: time.Hour})
	n.cache.Start(t.Context())
	t.Cleanup(n.cache.Close)
	return n
}

// openTable returns a database with the empty table kv.
func openTable(t *testing.T) *sqlx.DB {
	t.Helper()
	db := open(t, devtest.Database(t), true)
	mustExec(t, db, "CREATE TABLE kv (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value bigint NOT NULL)")
	return db
}

func newKey(t *testing.T, db *sqlx.DB) int64 {
	t.Helper()
	return get[int64](t, db, "INSERT INTO kv (value) VALUES (1250) RETURNING key")
}

func open(t *testing.T, url string, prepared bool) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 32, Prepared: prepared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func mustExec(t *testing.T, db *sqlx.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func get[T any](t *testing.T, db *sqlx.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := db.GetContext(t.Context(), &value, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func tag(key int64) string { return fmt.Sprint("kv:", key) }

// read is what a request reads.
func (n *node) read(ctx context.Context, key int64) (int64, error) {
	ctx = tracing.With(ctx, new(tracing.Trace))
	return n.values.Get(ctx, fmt.Sprint(key), []string{tag(key)}, func(ctx context.Context) (value int64, err error) {
		n.loads.Add(1)
		err = n.db.GetContext(ctx, &value, "SELECT value FROM kv WHERE key = $1", key)
		return value, err
	})
}

func (n *node) write(ctx context.Context, key, value int64) error {
	return n.cache.Write(ctx, []string{tag(key)}, func(ctx context.Context) error {
		_, err := n.db.ExecContext(ctx, "UPDATE kv SET value = $2 WHERE key = $1", key, value)
		return err
	})
}

func (n *node) value(t *testing.T, key int64) int64 {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	value, err := n.read(ctx, key)
	if err != nil {
		t.Error(err)
	}
	return value
}

// holds reports whether the value is given without a load.
func (n *node) holds(key int64) bool {
	before := n.loads.Load()
	_, err := n.read(context.Background(), key)
	return err == nil && n.loads.Load() == before
}

// A line is what is wrong between a process and Redis.
type line struct {
	name    string
	disturb func(*devtest.SlowRedis)
	mend    func(*devtest.SlowRedis) // after six seconds; nil: never
}

func roundTrip(name string, d time.Duration) line {
	return line{name, func(l *devtest.SlowRedis) { l.Delay(d / 2) }, func(l *devtest.SlowRedis) { l.Delay(0) }}
}

func hang(name string, directions ...int) line {
	set := func(hangs bool) func(*devtest.SlowRedis) {
		return func(l *devtest.SlowRedis) {
			for _, d := range directions {
				l.Hang(d, hangs)
			}
		}
	}
	return line{name, set(true), set(false)}
}

var lines = []line{
	roundTrip("round trip of 60 ms", 60*time.Millisecond),
	roundTrip("round trip of 200 ms", 200*time.Millisecond),
	roundTrip("round trip of 400 ms", 400*time.Millisecond),
	hang("hangs to the server", devtest.ToServer),
	hang("hangs to the client", devtest.ToClient),
	hang("hangs both ways", devtest.ToServer, devtest.ToClient),
	{"cut off for ever", hang("", devtest.ToServer, devtest.ToClient).disturb, nil},
}

// A writer, a reader, or both have a line to Redis that is slow, or lets nothing
// pass for a while. What was written is seen by the other within the time that is
// promised, for good.
func TestWrite_IsSeenElsewhereInTimeHoweverSlowRedisIs(t *testing.T) {
	t.Parallel()
	redisURL := devtest.Redis(t)
	db := openTable(t)
	var pairs sync.WaitGroup // not subtests, of which few run at a time: all of them wait most of the time
	for _, l := range lines {
		for _, who := range []string{"writer", "reader", "both"} {
			p := newPair(t, who+" "+l.name, redisURL, db)
			var broken []*devtest.SlowRedis
			if who != "reader" {
				broken = append(broken, p.writer.line)
			}
			if who != "writer" {
				broken = append(broken, p.reader.line)
			}
			pairs.Go(func() { p.goThrough(l, broken) })
		}
	}
	pairs.Wait()
}

// pair is a process that writes and one that reads, which has three values in memory.
type pair struct {
	t              *testing.T
	name           string
	writer, reader *node
	keys           []int64
	written        []written
}

type written struct {
	key, value int64
	at         time.Time
	last       time.Duration // when the reader gave the older value the last time
}

func newPair(t *testing.T, name, redisURL string, db *sqlx.DB) *pair {
	t.Helper()
	p := &pair{t: t, name: name, writer: newNode(t, name, redisURL, db), reader: newNode(t, name, redisURL, db)}
	for range 3 {
		p.keys = append(p.keys, newKey(t, db))
	}
	devtest.Eventually(t, "the reader has all values in memory", func() bool {
		held := true
		for _, key := range p.keys {
			held = p.reader.holds(key) && held
		}
		return held
	})
	return p
}

func (p *pair) goThrough(l line, broken []*devtest.SlowRedis) {
	for _, line := range broken {
		l.disturb(line)
	}
	since := time.Now()
	for range 2 { // the second write meets a line that is known to be bad
		p.write()
		p.watch(staleness)
	}
	p.watch(time.Until(since.Add(6 * time.Second)))
	p.write() // just before all is well
	if l.mend != nil {
		for _, line := range broken {
			l.mend(line)
		}
	}
	p.watch(2 * staleness)
	for _, w := range p.written {
		p.t.Logf("%s: the last older value is given %v after the write", p.name, w.last.Round(time.Millisecond))
	}
}

// write changes the next value.
func (p *pair) write() {
	w := written{key: p.keys[len(p.written)], value: 4711}
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	if err := p.writer.write(ctx, w.key, w.value); err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
	w.at = time.Now()
	p.t.Logf("%s: the write took %v", p.name, w.at.Sub(begin).Round(time.Millisecond))
	p.written = append(p.written, w)
}

// watch reads what was written for that long, and asks that the older values are
// given for no longer than is promised, and by the writer not at all.
func (p *pair) watch(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for i := range p.written {
			w := &p.written[i]
			if asked := time.Since(w.at); p.reader.value(p.t, w.key) != w.value {
				w.last = asked
			}
			if p.writer.value(p.t, w.key) != w.value {
				p.t.Errorf("%s: the writer itself gives the older value", p.name)
			}
			if w.last > staleness {
				p.t.Errorf("%s: the older value is given %v after the write", p.name, w.last)
				return
			}
		}
	}
}

// Without Redis, writes succeed, and are seen elsewhere all the same.
func TestWrite_SucceedsWithoutRedisAndIsSeenElsewhereInTime(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	p := newPair(t, "Redis away", redis.URL, openTable(t))
	redis.Stop()
	for range 2 {
		p.write()
		p.watch(staleness)
	}
	redis.Start()
	p.watch(staleness)
	p.write()
	p.watch(staleness)
}

// Who can tell neither way must not say that it is done.
func TestWrite_IsRefusedWhereNobodyCanBeTold(t *testing.T) {
	t.Parallel()
	redisURL, db := devtest.Redis(t), openTable(t)
	key := newKey(t, db)
	writer := newNode(t, "refused", redisURL, db)
	writer.line.Hang(devtest.ToServer, true)
	mustExec(t, db, "ALTER TABLE cache_invalidations RENAME TO elsewhere")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := writer.write(ctx, key, 4711)
	if problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("the write returns %v", err)
	}
	if stored := get[int64](t, db, "SELECT value FROM kv WHERE key = $1", key); stored != 1250 {
		t.Errorf("the value is %d after a refused write", stored)
	}
	if err := writer.cache.Invalidate(ctx, tag(key)); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Invalidate returns %v", err)
	}
}

// What others load while a writer without Redis is writing may be of before its
// commit. They keep nothing of it, by the marks that they set in its place.
func TestWrite_IsGuardedByOthersForAWriterWithoutRedis(t *testing.T) {
	t.Parallel()
	db := openTable(t)
	p := newPair(t, "guarded", devtest.Redis(t), db)
	key := p.keys[0]
	for _, direction := range []int{devtest.ToServer, devtest.ToClient} {
		p.writer.line.Hang(direction, true)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := p.writer.cache.Write(ctx, []string{tag(key)}, func(ctx context.Context) error {
		loads := 0
		devtest.Eventually(t, "the reader keeps nothing that it loads", func() bool {
			if loads++; p.reader.holds(key) {
				loads = 0
			}
			return loads == 10
		})
		_, err := db.ExecContext(ctx, "UPDATE kv SET value = 4711 WHERE key = $1", key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.written = append(p.written, written{key: key, value: 4711, at: time.Now()})
	p.watch(staleness)
}

// Redis holds the older value, and looks good: the writer has watched it until now.
func TestStart_LearnsWhatWasRecordedBefore(t *testing.T) {
	t.Parallel()
	redisURL, db := devtest.Redis(t), openTable(t)
	p := newPair(t, "start", redisURL, db)
	p.reader.cache.Close()
	for _, direction := range []int{devtest.ToServer, devtest.ToClient} {
		p.writer.line.Hang(direction, true)
	}
	p.write()
	p.reader = newNode(t, "start", redisURL, db)
	if got := p.reader.value(t, p.keys[0]); got != 4711 {
		t.Errorf("a process that starts gives %d", got)
	}
	p.watch(staleness)
}

func TestInvalidations_AreRecordedForAWhile(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *sqlx.DB{
		"prepared":   func(t *testing.T) *sqlx.DB { return open(t, devtest.Database(t), true) },
		"unprepared": func(t *testing.T) *sqlx.DB { return open(t, devtest.Database(t), false) },
		"pgbouncer":  func(t *testing.T) *sqlx.DB { return open(t, devtest.PgBouncer(t, devtest.Database(t)), false) },
	} {
		t.Run(name, func(t *testing.T) { testRecords(t, open(t)) })
	}
}

func testRecords(t *testing.T, db *sqlx.DB) {
	store := invalidations.New(db)
	record := func(lasts time.Duration, tags ...string) {
		t.Helper()
		if err := store.Record(t.Context(), tags, lasts); err != nil {
			t.Fatal(err)
		}
	}
	record(0, "a")
	record(time.Hour, "b", `quote " comma , brace }`, "")
	all, err := store.Recorded(t.Context(), time.Minute, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("recorded are %+v, %v", all, err)
	}
	if !slices.Equal(all[0].Tags, []string{"b", `quote " comma , brace }`, ""}) || !slices.Equal(all[1].Tags, []string{"a"}) {
		t.Errorf("the tags are %q and %q", all[0].Tags, all[1].Tags)
	}
	if all[0].Lasts < 59*time.Minute || all[0].Lasts > time.Hour || all[1].Lasts != 0 {
		t.Errorf("they last %v and %v", all[0].Lasts, all[1].Lasts)
	}
	if first, err := store.Recorded(t.Context(), time.Minute, 1); err != nil || len(first) != 1 || first[0].ID != all[0].ID {
		t.Errorf("the first one is %+v, %v", first, err)
	}

	mustExec(t, db, "UPDATE cache_invalidations SET created_at = created_at - interval '2 minutes'")
	if late, err := store.Recorded(t.Context(), time.Minute, 10); err != nil || len(late) > 0 {
		t.Errorf("of the last minute are %+v, %v", late, err)
	}
	record(0, "c") // takes the first one away; the second may still be written
	if n := get[int64](t, db, "SELECT count(*) FROM cache_invalidations"); n != 2 {
		t.Errorf("%d rows are left", n)
	}
}
