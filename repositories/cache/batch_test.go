package cache_test

import (
	"context"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
	"example.com/prefab/services/tracing"
)

// shop is a node with pages that are made of things and their stock.
type shop struct {
	*node
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
	if got := int(s.valve.scripts.Swap(0)); got != trips || s.loaded != loaded || s.alone != alone {
		t.Errorf("%s: %d round trips, %d loads, %d of the stock alone; want %d, %d, %d",
			what, got, s.loaded, s.alone, trips, loaded, alone)
	}
	s.loaded, s.alone = 0, 0
}

func TestBatch_AColdReadTakesTwoRoundTrips(t *testing.T) {
	everyRedis(t, func(t *testing.T, url string) {
		s := newShop(t, url)
		s.page(t) // the server has the scripts from now on
		_ = s.cache.Invalidate(t.Context(), "thing:1", "thing:1/stock")
		s.valve.scripts.Store(0)
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
		s.valve.scripts.Store(0)
		if _, stock := s.read(plain(t), t); stock != 6 {
			t.Errorf("the stock is %d", stock)
		}
		s.wants(t, "a stock that has changed", 2, 0, 1)
		s.page(t)
		s.wants(t, "a page of values in memory", 2, 0, 0)
	})
}

// A page is made of a value in memory only if Redis confirms it.
func TestBatch_NoPageIsMadeOfAnOlderValue(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
	s.read(plain(t), t)
	s.loaded = 0
	// Another process has invalidated it, and the message has not arrived.
	if s.client.Del(t.Context(), s.cache.GenerationKey("thing:1")).Val() != 1 {
		t.Fatal("there is no generation")
	}
	if s.read(plain(t), t); s.loaded != 0 {
		t.Fatal("the message has arrived: the test shows nothing")
	}
	if s.page(t); s.loaded != 1 {
		t.Errorf("%d loads for the page", s.loaded)
	}
}

func TestPrefetchHash_GivesWhatWaits(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
	if err := s.client.HSet(t.Context(), waiting, "1", "3").Err(); err != nil {
		t.Fatal(err)
	}
	if thing, stock := s.read(plain(t), t); thing != 7 || stock != 3 {
		t.Errorf("thing %d, stock %d", thing, stock)
	}
}

// A request reads its own writes, also what it has read before.
func TestBatch_ForgetsWhatItsRequestChanges(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
	ctx := plain(t)
	defer s.cache.Join(ctx)()
	s.read(ctx, t)
	_ = s.cache.Invalidate(ctx, "thing:1")
	if s.read(ctx, t); s.loaded != 2 {
		t.Errorf("%d loads, want one before the change and one after", s.loaded)
	}
}

// While a write runs nothing is cached, but a request loads each value once.
func TestBatch_LoadsOnceDuringAWrite(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
	err := s.cache.Write(t.Context(), []string{"thing:1", "thing:1/stock"}, func(context.Context) error {
		s.read(plain(t), t)
		return nil
	})
	if err != nil || s.loaded != 1 || s.alone != 0 {
		t.Errorf("%d loads, %d of the stock alone, %v", s.loaded, s.alone, err)
	}
}

// Leases of what was prefetched and not used are returned.
func TestBatch_GivesBackTheLeasesItDoesNotUse(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
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
}

// What a request has read before a write of this process is not used or cached after it.
func TestBatch_GivesNothingThatItReadBeforeAWrite(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
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

// Nor what a load has read besides its own value, whether or not Redis has heard of the write.
func TestStore_CachesNothingThatWasReadBeforeAWrite(t *testing.T) {
	for name, reached := range map[string]bool{"Redis has heard": true, "Redis has not": false} {
		s, tag := newShop(t, devtest.Redis(t)), []string{"thing:1/stock"}
		slow := plain(t)
		end := s.cache.Join(slow)
		_, err := s.things.Get(slow, "1", []string{"thing:1"}, func(ctx context.Context) (int64, error) {
			if !reached {
				s.valve.shut(refuse)
			}
			_ = s.cache.Invalidate(t.Context(), tag...)
			s.stocks.Store(ctx, "1", tag, 5)
			return 7, nil
		})
		end()
		got, err2 := s.stocks.Get(plain(t), "1", tag, func(context.Context) (int64, error) { return 6, nil })
		if got != 6 || err != nil || err2 != nil {
			t.Errorf("%s: the stock is %d after the write, %v, %v; want 6", name, got, err, err2)
		}
	}
}

// The holder of a lease must not wait for a caller that waits for that lease.
func TestBatch_TheHolderOfALeaseLoads(t *testing.T) {
	s := newShop(t, devtest.Redis(t))
	s.read(plain(t), t)
	_ = s.cache.Invalidate(t.Context(), "thing:1/stock")
	s.cache.Flush()
	holder := plain(t)
	end := s.cache.Join(holder)
	if _, err := s.things.Get(holder, "1", []string{"thing:1"}, nil); err != nil { // and takes the stock's lease
		t.Fatal(err)
	}
	s.valve.scripts.Store(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.stocks.Get(plain(t), "1", []string{"thing:1/stock"}, func(context.Context) (int64, error) { return 6, nil })
	}()
	devtest.Eventually(t, "another request waits for the lease", func() bool { return s.valve.scripts.Load() > 0 })
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
