package writebehind_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services"
	"example.com/prefab/services/writes"
)

type (
	stockOptions = writebehind.Options[int64, int64]
	stockBuffer  = writebehind.Buffer[int64, int64]
)

// shelf is a buffer before the real table of stocks, for products that are there.
type shelf struct {
	*stockBuffer
	t      testing.TB
	client redis.UniversalClient
	db     *sqlx.DB
	table  *repositories.Stock

	mu        sync.Mutex
	batches   [][]services.StockWrite // as they came to the table
	changed   []int64                 // keys that caches were told of
	unchanged error                   // what they answer
}

const keys = "prefab:test:{stock}:"

func newShelf(t testing.TB, products int, changes ...func(*stockOptions)) *shelf {
	t.Helper()
	return newShelfOn(t, newCatalogue(t, devtest.Database(t), products), devtest.Redis(t), changes...)
}

func newShelfOn(t testing.TB, databaseURL, redisURL string, changes ...func(*stockOptions)) *shelf {
	t.Helper()
	s := &shelf{t: t, client: openClient(t, redisURL), db: openDB(t, databaseURL)}
	s.table = repositories.NewStock(s.db)
	o := stockOptions{
		Client: s.client, Prefix: "prefab:test:", Name: "stock", BatchSize: 100, MaxPending: 100_000,
		Through: s.table.Set,
		Changed: func(_ context.Context, keys []int64) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed = append(s.changed, keys...)
			return s.unchanged
		},
	}
	for _, change := range changes {
		change(&o)
	}
	s.stockBuffer = writebehind.New(o)
	return s
}

func batchesOf(size int) func(*stockOptions) { return func(o *stockOptions) { o.BatchSize = size } }

// newCatalogue makes products with the ids from 1 to n.
func newCatalogue(t testing.TB, databaseURL string, n int) string {
	t.Helper()
	db := openDB(t, databaseURL)
	if _, err := db.Exec("INSERT INTO categories (name) VALUES ('Lamps')"); err != nil {
		t.Fatal(err)
	}
	_, err := db.Exec(`INSERT INTO products (name, price_cents, category_id)
		SELECT 'Lamp', 1, 1 FROM generate_series(1, $1::int)`, n)
	if err != nil {
		t.Fatal(err)
	}
	return databaseURL
}

func openDB(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 8, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
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

func (s *shelf) store(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
	s.mu.Lock()
	s.batches = append(s.batches, slices.Clone(batch))
	s.mu.Unlock()
	return s.table.SetAll(ctx, batch)
}

func (s *shelf) put(key, value int64) int {
	s.t.Helper()
	depth, err := s.Put(s.t.Context(), key, value)
	if err != nil {
		s.t.Errorf("put %d under %d: %v", value, key, err)
	}
	return depth
}

func (s *shelf) flush() {
	s.t.Helper()
	if err := s.Flush(s.t.Context(), s.store); err != nil {
		s.t.Errorf("flush: %v", err)
	}
}

// waits asks how many keys and dead letters there are.
func (s *shelf) waits(pending, dead int64) {
	s.t.Helper()
	got, err := s.Stats(s.t.Context())
	if err != nil || got.Pending != pending || got.DeadLetters != dead {
		s.t.Errorf("got %+v, %v; want %d pending and %d dead", got, err, pending, dead)
	}
}

func (s *shelf) stored(key, want int64) {
	s.t.Helper()
	if got := s.number("SELECT coalesce((SELECT quantity FROM stock WHERE product_id = $1), -1)", key); got != want {
		s.t.Errorf("%d is stored under %d, want %d", got, key, want)
	}
}

func (s *shelf) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.db.GetContext(s.t.Context(), &n, query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (s *shelf) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.db.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
