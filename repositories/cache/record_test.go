package cache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/cache/invalidations"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
)

// staleness is what docs/caching.md promises: how long after a write was answered any other
// process may give the older value.
const staleness = 3 * time.Second

func openDatabase(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 32, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// recording makes a node record in the database what it cannot send to Redis.
func recording(name string, db *sqlx.DB) func(*cache.Options) {
	store := invalidations.New(db)
	return func(o *cache.Options) { o.Prefix, o.Record, o.Recorded = name+":", store.Record, store.Recorded }
}

// pair is a process that writes and one that reads, each on a line to Redis of its own.
type pair struct {
	t              *testing.T
	name           string
	writer, reader *node
	lines          [2]*devtest.SlowRedis // of writer and reader
	written        []*written
}

// written is a value of its own, with one tag.
type written struct {
	source
	tag string
	at  time.Time
}

func newPair(t *testing.T, name, redisURL string, db *sqlx.DB) *pair {
	t.Helper()
	p := &pair{t: t, name: name, lines: [2]*devtest.SlowRedis{devtest.Slow(t, redisURL), devtest.Slow(t, redisURL)}}
	p.writer = newNode(t, p.lines[0].URL, recording(name, db))
	p.reader = newNode(t, p.lines[1].URL, recording(name, db))
	return p
}

func (p *pair) get(n *node, w *written) int64 {
	value, err := n.numbers.Get(plain(p.t), w.tag, []string{w.tag}, w.load)
	if err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
	return value
}

// hold lets the reader read values, which will be written.
func (p *pair) hold(names ...string) (values []*written) {
	for _, name := range names {
		w := &written{tag: name}
		p.get(p.reader, w)
		values = append(values, w)
	}
	return values
}

func (p *pair) write(w *written) {
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	if err := p.writer.cache.Write(ctx, []string{w.tag}, w.set(1)); err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
	w.at = time.Now()
	p.written = append(p.written, w)
}

// check reads all that was written. The writer must have the new values, and the reader must
// if they were written long enough ago. It reports whether the reader has them.
func (p *pair) check() bool {
	seen := true
	for _, w := range p.written {
		asked := time.Since(w.at)
		if p.get(p.writer, w) != 1 {
			p.t.Errorf("%s: the writer itself gives the older value", p.name)
		}
		if p.get(p.reader, w) != 1 {
			seen = false
			if asked > staleness {
				p.t.Errorf("%s: the older value is given %v after the write", p.name, asked)
				return true
			}
		}
	}
	return seen
}

// settle checks until the reader has all that was written.
func (p *pair) settle() {
	for !p.check() {
		time.Sleep(10 * time.Millisecond)
	}
}

// watch checks for as long as an older value may be given.
func (p *pair) watch() {
	for end := time.Now().Add(staleness + staleness/4); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.check()
	}
}

// disturbance is what is wrong with a line to Redis; mend may be nil.
type disturbance struct{ begin, mend func(*devtest.SlowRedis) }

func roundTrip(d time.Duration) disturbance {
	return disturbance{func(l *devtest.SlowRedis) { l.Delay(d / 2) }, func(l *devtest.SlowRedis) { l.Delay(0) }}
}

func hang(directions ...int) disturbance {
	set := func(hangs bool) func(*devtest.SlowRedis) {
		return func(l *devtest.SlowRedis) {
			for _, d := range directions {
				l.Hang(d, hangs)
			}
		}
	}
	return disturbance{set(true), set(false)}
}

// The line of a writer, a reader, or both is slow, or lets nothing pass for a while. The other
// process gives a written value within the promised time, and never the older one again.
func TestWrite_IsSeenElsewhereInTimeHoweverSlowRedisIs(t *testing.T) {
	takesSeconds(t)
	redisURL, db := devtest.Redis(t), openDatabase(t, devtest.Database(t))
	var pairs sync.WaitGroup // not subtests, of which few run at a time: all of them wait most of the time
	for name, d := range map[string]disturbance{
		"round trip of 60 ms":  roundTrip(60 * time.Millisecond),
		"round trip of 400 ms": roundTrip(400 * time.Millisecond),
		"hangs to the server":  hang(devtest.ToServer),
		"hangs to the client":  hang(devtest.ToClient),
		"cut off for ever":     {hang(devtest.ToServer, devtest.ToClient).begin, nil},
	} {
		for who, broken := range map[string][]int{"writer": {0}, "reader": {1}, "both": {0, 1}} {
			p := newPair(t, who+" "+name, redisURL, db)
			values := p.hold("a", "b", "c")
			pairs.Go(func() {
				for _, i := range broken {
					d.begin(p.lines[i])
				}
				for _, w := range values[:2] { // the second write meets a line that is known to be bad
					p.write(w)
					p.settle()
				}
				p.write(values[2]) // just before all is well
				for _, i := range broken {
					if d.mend != nil {
						d.mend(p.lines[i])
					}
				}
				p.watch()
			})
		}
	}
	pairs.Wait()
}

// Without Redis, writes succeed, and are seen elsewhere all the same.
func TestWrite_SucceedsWithoutRedisAndIsSeenElsewhereInTime(t *testing.T) {
	takesSeconds(t)
	redis := devtest.OwnRedis(t)
	p := newPair(t, "away", redis.URL, openDatabase(t, devtest.Database(t)))
	values := p.hold("a", "b", "c")
	redis.Stop()
	p.write(values[0])
	p.settle()
	p.write(values[1])
	redis.Start()
	p.settle()
	p.write(values[2])
	p.watch()
}

// A write that can be announced neither way is not made.
func TestWrite_IsRefusedIfNobodyCanBeTold(t *testing.T) {
	takesSeconds(t)
	db, s := openDatabase(t, devtest.Database(t)), new(source)
	n := newNode(t, devtest.Redis(t), recording("refused", db))
	n.valve.shut(refuse)
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE cache_invalidations RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := n.cache.Write(t.Context(), tags, s.set(1)); !errors.Is(err, problem.ErrUnavailable) || s.value.Load() != 0 {
		t.Errorf("Write returns %v, the value is %d", err, s.value.Load())
	}
	if err := n.cache.Invalidate(t.Context(), tags...); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Invalidate returns %v", err)
	}
}

// What others load while a writer without Redis is writing may be of before its commit. They
// cache none of it: they set the tombstones in its place.
func TestWrite_IsProtectedByOthersForAWriterWithoutRedis(t *testing.T) {
	takesSeconds(t)
	p := newPair(t, "protected", devtest.Redis(t), openDatabase(t, devtest.Database(t)))
	w := p.hold("a")[0]
	p.lines[0].Hang(devtest.ToServer, true)
	err := p.writer.cache.Write(t.Context(), []string{w.tag}, func(context.Context) error {
		loads := 0
		devtest.Eventually(t, "the reader caches nothing that it loads", func() bool {
			before := w.loads.Load()
			if loads++; p.get(p.reader, w) != 0 || w.loads.Load() == before {
				loads = 0
			}
			return loads == 10
		})
		return w.set(1)(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	w.at, p.written = time.Now(), append(p.written, w)
	p.watch()
}

// Redis holds the older value, and looks good: the writer has watched it until now.
func TestStart_LearnsWhatWasRecordedBefore(t *testing.T) {
	takesSeconds(t)
	redisURL, db := devtest.Redis(t), openDatabase(t, devtest.Database(t))
	p := newPair(t, "start", redisURL, db)
	w := p.hold("a")[0]
	p.reader.cache.Close()
	p.lines[0].Hang(devtest.ToServer, true)
	p.write(w)
	p.reader = newNode(t, redisURL, recording("start", db))
	if !p.check() {
		t.Error("a process that starts gives the older value")
	}
}

// A poll reads all that has been recorded since the last one that succeeded began, and takes
// each record once. If some may be gone by now, or there are too many, everything is void.
func TestPoll_TakesEachRecordOnceAndMissesNone(t *testing.T) {
	var since time.Duration
	var away error
	var recorded []cache.Recorded
	c := cache.New(cache.Options{
		Client: redis.NewClient(&redis.Options{}), MaxItems: 1, MaxBytes: 1 << 10, Budget: time.Second,
		Recorded: func(_ context.Context, d time.Duration, limit int) ([]cache.Recorded, error) {
			since = d
			return recorded[:min(limit, len(recorded))], away
		},
	})
	defer c.Close()
	one := cache.Recorded{ID: 1, Tags: []string{"a"}}
	two := cache.Recorded{ID: 2, Tags: []string{"b", "c"}}
	synctest.Test(t, func(t *testing.T) {
		for i, step := range []struct {
			pause    time.Duration
			away     error
			recorded []cache.Recorded
			least    time.Duration // since
			pending  []string
		}{
			{0, nil, nil, cache.RecordsKept, nil}, // the first one: all that there is
			{time.Second, nil, []cache.Recorded{one}, 2 * time.Second, []string{"a"}},
			{time.Second, nil, []cache.Recorded{one, two}, 2 * time.Second, []string{"b", "c"}},
			{20 * time.Second, errors.New("away"), nil, 21 * time.Second, nil},
			{20 * time.Second, nil, []cache.Recorded{two}, 41 * time.Second, nil},
			{cache.RecordsKept, errors.New("away"), nil, 0, nil},
			{time.Second, nil, nil, cache.RecordsKept, []string{cache.Everything}},
			{time.Second, nil, nil, 2 * time.Second, nil},
			{time.Second, nil, make([]cache.Recorded, 100_000), 0, []string{cache.Everything}},
		} {
			time.Sleep(step.pause)
			away, recorded = step.away, step.recorded
			c.Poll(t.Context())
			if pending := c.TakePending(); since < step.least || !slices.Equal(pending, step.pending) {
				t.Errorf("poll %d reads since %v, and %v are pending; want %v", i, since, pending, step.pending)
			}
		}
	})
}
