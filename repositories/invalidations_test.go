package repositories_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/cache/invalidations"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// staleness is what docs/caching.md promises: how long after a write was answered
// any other process may give the older value.
const staleness = 3 * time.Second

// catalogue is what one process has of the products, at the end of a line to Redis
// of its own.
type catalogue struct {
	*repositories.CachedProducts
	cache *cache.Cache
	line  *devtest.SlowRedis
}

func newCatalogue(t *testing.T, name, redisURL string, db *sqlx.DB) *catalogue {
	t.Helper()
	c := &catalogue{line: devtest.Slow(t, redisURL)}
	records := invalidations.New(db)
	client := openRedis(t, c.line.URL)
	c.cache = cache.New(cache.Options{
		Client: client, Prefix: name + ":", MemoryTTL: time.Minute, MaxItems: 100, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: 150 * time.Millisecond,
		Record: records.Record, Recorded: records.Recorded,
	})
	c.cache.Start(t.Context())
	t.Cleanup(c.cache.Close)
	c.CachedProducts = repositories.CacheProducts(repositories.NewProducts(db), c.cache, anHour)
	return c
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
	db := openPool(t, postgres.Options{URL: devtest.Database(t), MaxConns: 32})
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

// pair is a process that writes and one that reads, which has three products in memory.
type pair struct {
	t              *testing.T
	name           string
	writer, reader *catalogue
	products       []int64
	written        []written
}

type written struct {
	id, price int64
	at        time.Time
	last      time.Duration // when the reader gave the older value the last time
}

func newPair(t *testing.T, name, redisURL string, db *sqlx.DB) *pair {
	t.Helper()
	p := &pair{t: t, name: name, writer: newCatalogue(t, name, redisURL, db), reader: newCatalogue(t, name, redisURL, db)}
	for i := range 3 {
		p.products = append(p.products, newProduct(t, db, fmt.Sprint(name, i)))
	}
	eventually(t, "the reader has all products in memory", func() bool {
		trace := new(tracing.Trace)
		for _, id := range p.products {
			if _, err := p.reader.Get(tracing.With(t.Context(), trace), id); err != nil {
				t.Fatal(err)
			}
		}
		return trace.Queries() == 0
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

// write gives the next product another price.
func (p *pair) write() {
	w := written{id: p.products[len(p.written)], price: 4711}
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := p.writer.Update(ctx, w.id, 0, services.ProductFields{PriceCents: &w.price}); err != nil {
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
			if asked := time.Since(w.at); p.reader.price(p.t, w.id) != w.price {
				w.last = asked
			}
			if p.writer.price(p.t, w.id) != w.price {
				p.t.Errorf("%s: the writer itself gives the older value", p.name)
			}
			if w.last > staleness {
				p.t.Errorf("%s: the older value is given %v after the write", p.name, w.last)
				return
			}
		}
	}
}

func (c *catalogue) price(t *testing.T, id int64) int64 {
	ctx, cancel := context.WithTimeout(tracing.With(t.Context(), new(tracing.Trace)), 10*time.Second)
	defer cancel()
	product, err := c.Get(ctx, id)
	if err != nil {
		t.Error(err)
	}
	return product.PriceCents
}

// holds reports whether the product is given without a query.
func (c *catalogue) holds(id int64) bool {
	trace := new(tracing.Trace)
	_, err := c.Get(tracing.With(context.Background(), trace), id)
	return err == nil && trace.Queries() == 0
}

// Without Redis, writes succeed, and are seen elsewhere all the same.
func TestWrite_SucceedsWithoutRedisAndIsSeenElsewhereInTime(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	p := newPair(t, "Redis away", redis.URL, open(t, devtest.Database(t), true))
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
	redisURL, db := devtest.Redis(t), open(t, devtest.Database(t), true)
	id := newProduct(t, db, "Lamp")
	writer := newCatalogue(t, "refused", redisURL, db)
	writer.line.Hang(devtest.ToServer, true)
	mustExec(t, db, "ALTER TABLE cache_invalidations RENAME TO elsewhere")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	price := int64(4711)
	_, err := writer.Update(ctx, id, 0, services.ProductFields{PriceCents: &price})
	if problem.CodeOf(err) != problem.Unavailable {
		t.Errorf("the write returns %v", err)
	}
	if stored := get[int64](t, db, "SELECT price_cents FROM products WHERE id = $1", id); stored != 1250 {
		t.Errorf("the price is %d after a refused write", stored)
	}
	if err := repositories.StockInvalidator(writer.cache)(ctx, []int64{id}); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("Invalidate returns %v", err)
	}
}

// What others load while a writer without Redis is writing may be of before its
// commit. They keep nothing of it, by the marks that they set in its place.
func TestWrite_IsGuardedByOthersForAWriterWithoutRedis(t *testing.T) {
	t.Parallel()
	db := open(t, devtest.Database(t), true)
	p := newPair(t, "guarded", devtest.Redis(t), db)
	id := p.products[0]
	for _, direction := range []int{devtest.ToServer, devtest.ToClient} {
		p.writer.line.Hang(direction, true)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := p.writer.cache.Write(ctx, []string{fmt.Sprint("product:", id)}, func(ctx context.Context) error {
		loads := 0
		eventually(t, "the reader keeps nothing that it loads", func() bool {
			if loads++; p.reader.holds(id) {
				loads = 0
			}
			return loads == 10
		})
		_, err := db.ExecContext(ctx, "UPDATE products SET price_cents = 4711 WHERE id = $1", id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.written = append(p.written, written{id: id, price: 4711, at: time.Now()})
	p.watch(staleness)
}

// Redis holds the older value, and looks good: the writer has watched it until now.
func TestStart_LearnsWhatWasRecordedBefore(t *testing.T) {
	t.Parallel()
	redisURL, db := devtest.Redis(t), open(t, devtest.Database(t), true)
	p := newPair(t, "start", redisURL, db)
	p.reader.cache.Close()
	for _, direction := range []int{devtest.ToServer, devtest.ToClient} {
		p.writer.line.Hang(direction, true)
	}
	p.write()
	p.reader = newCatalogue(t, "start", redisURL, db)
	if got := p.reader.price(t, p.products[0]); got != 4711 {
		t.Errorf("a process that starts gives %d", got)
	}
	p.watch(staleness)
}

func TestInvalidations_AreRecordedForAWhile(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
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
		equal(t, "the tags", all[0].Tags, []string{"b", `quote " comma , brace }`, ""})
		equal(t, "the other tags", all[1].Tags, []string{"a"})
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
		equal(t, "the rows", []int64{2}, []int64{get[int64](t, db, "SELECT count(*) FROM cache_invalidations")})
	})
}
