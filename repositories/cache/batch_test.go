package cache_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

// trips counts the round trips of a client.
type trips struct{ n atomic.Int64 }

func (*trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		if command.Name() == "evalsha" {
			h.n.Add(1)
		}
		return next(ctx, command)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		if commands[0].Name() == "evalsha" {
			h.n.Add(1)
		}
		return next(ctx, commands)
	}
}

// shop is a node with pages that are made of things and their stock.
type shop struct {
	*node
	trips         trips
	pages         *cache.Table[string]
	things        *cache.Table[int64]
	stocks        *cache.Table[int64]
	loaded, alone int // things, and stocks by themselves
}

const waiting = "test:waiting" // a hash, of stock that waits to be stored

func newShop(t testing.TB, url string) *shop {
	s := &shop{node: newNode(t, url)}
	s.pages = cache.NewTable[string](s.cache, cache.TableOptions{Name: "page"})
	s.things = cache.NewTable[int64](s.cache, cache.TableOptions{Name: "thing", TTL: time.Hour, Prefetch: "thing:{key}"})
	s.stocks = cache.NewTable[int64](s.cache, cache.TableOptions{Name: "stock", TTL: time.Hour, Prefetch: "thing:{key}/stock"})
	s.cache.PrefetchHash("thing:{key}", waiting)
	s.client.AddHook(&s.trips)
	return s
}

// read gives a thing and its stock; what waits goes before 5, which is stored.
func (s *shop) read(ctx context.Context, t testing.TB) (thing, stock int64) {
	t.Helper()
	defer s.cache.Join(ctx)()
	thing, err := s.things.Get(ctx, "1", []string{"thing:1"}, func(ctx context.Context) (int64, error) {
		s.loaded++
		stock := int64(5)
		if field, read := cache.Prefetched(ctx, waiting); !read {
			t.Error("what waits was not read")
		} else if field != "" {
			stock = int64(field[0] - '0')
		}
		s.stocks.Store(ctx, "1", []string{"thing:1/stock"}, stock)
		return 7, nil
	})
	if err != nil {
		t.Error(err)
	}
	stock, err = s.stocks.Get(ctx, "1", []string{"thing:1/stock"}, func(context.Context) (int64, error) {
		s.alone++
		return 6, nil
	})
	if err != nil {
		t.Error(err)
	}
	return thing, stock
}

// page makes the page of thing 1, or finds it.
func (s *shop) page(t testing.TB) (from string) {
	t.Helper()
	ctx := plain(t)
	_, from, store := s.pages.Find(ctx, "/things/1", []string{"thing:1", "thing:1/stock"})
	if from == "" {
		tracing.From(ctx).MakesPage = true
		s.read(ctx, t)
		store("page", time.Minute)
	}
	return from
}

func (s *shop) wants(t testing.TB, what string, trips, loaded, alone int) {
	t.Helper()
	if got := int(s.trips.n.Swap(0)); got != trips || s.loaded != loaded || s.alone != alone {
		t.Errorf("%s: %d round trips, %d loads, %d of the stock alone; want %d, %d, %d",
			what, got, s.loaded, s.alone, trips, loaded, alone)
	}
	s.loaded, s.alone = 0, 0
}

func plain(t testing.TB) context.Context { return tracing.With(t.Context(), new(tracing.Trace)) }

func TestBatch_AColdReadTakesTwoRoundTrips(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		s.page(t) // the server has the scripts from now on
		_ = s.cache.Invalidate(t.Context(), "thing:1", "thing:1/stock")
		s.trips.n.Store(0)
		s.loaded, s.alone = 0, 0

		s.page(t)
		s.wants(t, "a cold page", 2, 1, 0)
		if from := s.page(t); from != "memory" {
			t.Errorf("the page is from %q", from)
		}
		s.read(plain(t), t)
		s.wants(t, "what is in memory", 0, 0, 0)

		other := newShop(t, url)
		if from := other.page(t); from != "redis" {
			t.Errorf("another process has the page from %q", from)
		}
		other.wants(t, "a page in Redis", 1, 0, 0)
		other.read(plain(t), t)
		other.wants(t, "a thing and its stock in Redis", 1, 0, 0)
		fresh := fresh(t)
		other.read(fresh, t)
		other.wants(t, "what Redis confirms", 1, 0, 0)

		_ = s.cache.Invalidate(t.Context(), "thing:1/stock")
		s.trips.n.Store(0)
		if _, stock := s.read(plain(t), t); stock != 6 {
			t.Errorf("the stock is %d", stock)
		}
		s.wants(t, "a stock that has changed", 2, 0, 1)
		s.page(t)
		s.wants(t, "a page of values in memory", 2, 0, 0)
	})
}

// A page is made of what memory holds only as long as Redis confirms it.
func TestBatch_NoPageIsMadeOfAnOlderValue(t *testing.T) {
	s := newShop(t, ownRedis(t))
	s.read(plain(t), t)
	s.loaded = 0
	// Another process has changed it, and word of that has not come.
	if s.client.Del(t.Context(), s.cache.GenerationKey("thing:1")).Val() != 1 {
		t.Fatal("there is no generation")
	}
	if s.read(plain(t), t); s.loaded != 0 {
		t.Fatal("word has come: the test shows nothing")
	}
	if s.page(t); s.loaded != 1 {
		t.Errorf("%d loads for the page", s.loaded)
	}
}

// What waits is read after the generations, so that it cannot be older than they are.
func TestPrefetchHash_GivesWhatWaits(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		t.Cleanup(func() { s.client.Del(context.Background(), waiting) })
		if err := s.client.HSet(t.Context(), waiting, "1", "3").Err(); err != nil {
			t.Fatal(err)
		}
		if thing, stock := s.read(plain(t), t); thing != 7 || stock != 3 {
			t.Errorf("thing %d, stock %d", thing, stock)
		}
	})
}

// A request reads its own writes, also what it has read before.
func TestBatch_ForgetsWhatItsRequestChanges(t *testing.T) {
	s := newShop(t, ownRedis(t))
	ctx := plain(t)
	defer s.cache.Join(ctx)()
	s.read(ctx, t)
	_ = s.cache.Invalidate(ctx, "thing:1")
	if s.read(ctx, t); s.loaded != 2 {
		t.Errorf("%d loads, want one before the change and one after", s.loaded)
	}
}

// While somebody writes, nothing is kept; a request loads what it reads once all the same.
func TestBatch_LoadsOnceDuringAWrite(t *testing.T) {
	s := newShop(t, ownRedis(t))
	err := s.cache.Write(t.Context(), []string{"thing:1", "thing:1/stock"}, func(context.Context) error {
		s.read(plain(t), t)
		return nil
	})
	if err != nil || s.loaded != 1 || s.alone != 0 {
		t.Errorf("%d loads, %d of the stock alone, %v", s.loaded, s.alone, err)
	}
}

// Leases of what was read ahead and never asked for are given back.
func TestBatch_GivesBackTheLeasesItDoesNotUse(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		_, _, store := s.pages.Find(plain(t), "/things/1", []string{"thing:1"})
		leases := func() int64 {
			return s.client.Exists(t.Context(), s.cache.LeaseKey("thing:1", "thing", "1"), s.cache.LeaseKey("thing:1", "stock", "1")).Val()
		}
		if n := leases(); n != 2 {
			t.Errorf("%d leases are taken", n)
		}
		store("", -1)
		if n := leases(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
	})
}

// What a request has read before a write of this process is not given, nor kept, after it.
func TestBatch_GivesNothingThatItReadBeforeAWrite(t *testing.T) {
	s := newShop(t, ownRedis(t))
	s.read(plain(t), t)
	s.cache.Flush()
	slow := plain(t)
	_, from, store := s.pages.Find(slow, "/things/1", []string{"thing:1", "thing:1/stock"})
	if from != "" {
		t.Fatalf("the page is from %q", from)
	}
	if err := s.cache.Write(t.Context(), []string{"thing:1"}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	tracing.From(slow).MakesPage = true
	changed := func(context.Context) (int64, error) { return 8, nil }
	_, _ = s.things.Get(slow, "1", []string{"thing:1"}, changed)
	store("page", time.Minute)
	if got, err := s.things.Get(plain(t), "1", []string{"thing:1"}, changed); err != nil || got != 8 {
		t.Errorf("after the write a reader gets %d, %v; want 8", got, err)
	}
}

// Who holds a lease must not wait for somebody who waits for that lease.
func TestBatch_TheHolderOfALeaseLoads(t *testing.T) {
	s := newShop(t, ownRedis(t))
	s.read(plain(t), t)
	_ = s.cache.Invalidate(t.Context(), "thing:1/stock")
	s.cache.Flush()
	holder := plain(t)
	end := s.cache.Join(holder)
	if _, err := s.things.Get(holder, "1", []string{"thing:1"}, nil); err != nil { // and takes the stock's lease
		t.Fatal(err)
	}
	s.trips.n.Store(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.stocks.Get(plain(t), "1", []string{"thing:1/stock"}, func(context.Context) (int64, error) { return 6, nil })
	}()
	devtest.Eventually(t, "another request waits for the lease", func() bool { return s.trips.n.Load() > 0 })
	loaded := false
	_, _ = s.stocks.Get(holder, "1", []string{"thing:1/stock"}, func(context.Context) (int64, error) {
		loaded = true
		return 6, nil
	})
	end()
	<-done
	if !loaded {
		t.Error("the holder has waited for the other's load")
	}
}
