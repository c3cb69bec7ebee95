package repositories_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
)

// flushing is PostgreSQL's products, of which the waiting stock is stored right
// after each answer.
type flushing struct {
	*repositories.Products
	flush func()
}

func (s flushing) Stock(ctx context.Context, id int64) (int64, error) {
	defer s.flush()
	return s.Products.Stock(ctx, id)
}

func (s flushing) Get(ctx context.Context, id int64) (services.Product, error) {
	defer s.flush()
	return s.Products.Get(ctx, id)
}

func (s flushing) Batch(ctx context.Context, ids []int64) ([]services.Product, error) {
	defer s.flush()
	return s.Products.Batch(ctx, ids)
}

func (s flushing) Update(ctx context.Context, id, version int64, f services.ProductFields) (services.Product, error) {
	defer s.flush()
	return s.Products.Update(ctx, id, version, f)
}

func newStockBuffer(client redis.UniversalClient, db *sqlx.DB) *writebehind.Buffer[int64, int64] {
	return writebehind.New(writebehind.Options[int64, int64]{
		Client: client, Prefix: "test:", Name: "stock", BatchSize: 10, MaxPending: 10,
		WriteThrough: repositories.NewStock(db).Set, Invalidate: func(context.Context, []int64) error { return nil },
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
}

// readStock are the ways to read a product's stock.
var readStock = map[string]func(context.Context, services.ProductStore, int64) (int64, error){
	"stock": func(ctx context.Context, store services.ProductStore, id int64) (int64, error) {
		return store.Stock(ctx, id)
	},
	"get": func(ctx context.Context, store services.ProductStore, id int64) (int64, error) {
		p, err := store.Get(ctx, id)
		return p.Stock, err
	},
	"batch": func(ctx context.Context, store services.ProductStore, id int64) (int64, error) {
		all, err := store.Batch(ctx, []int64{id})
		if err != nil {
			return 0, err
		}
		return all[0].Stock, nil
	},
	"update": func(ctx context.Context, store services.ProductStore, id int64) (int64, error) {
		p, err := store.Update(ctx, id, 0, services.ProductFields{PriceCents: new(int64(1))})
		return p.Stock, err
	},
}

// What is stored in the middle of a read has left the buffer for PostgreSQL, where
// the read may have been before it.
func TestPendingStock_IsSeenThoughItIsStoredDuringTheRead(t *testing.T) {
	for name, read := range readStock {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, devtest.Redis(t))
			product, stock := newProduct(t, db, "a"), repositories.NewStock(db)
			buffer, values := newStockBuffer(client, db), newCache(t, client)
			devtest.Eventually(t, "Redis is trusted", func() bool {
				return values.Call(t.Context(), func(context.Context) error { return nil }) == nil
			})
			if _, err := buffer.Put(t.Context(), product, 7); err != nil {
				t.Fatal(err)
			}
			store := repositories.NewPendingStock(flushing{repositories.NewProducts(db), func() {
				if err := buffer.Flush(t.Context(), stock.SetAll); err != nil {
					t.Error(err)
				}
			}}, buffer, stock, values)
			for _, when := range []string{"stored meanwhile", "stored before"} {
				if got, err := read(t.Context(), store, product); err != nil || got != 7 {
					t.Errorf("%s: %d, %v", when, got, err)
				}
			}
		})
	}
}

func TestPendingStock_ThatNobodyKnowsMarksTheProductStale(t *testing.T) {
	for name, read := range readStock {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := devtest.OwnRedis(t)
			db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, server.URL)
			product := newProduct(t, db, "a")
			setStock(t, db, product, 3)
			store := repositories.NewPendingStock(
				repositories.NewProducts(db), newStockBuffer(client, db), repositories.NewStock(db), newCache(t, client))
			server.Stop()
			trace := new(tracing.Trace)
			got, err := read(tracing.With(t.Context(), trace), store, product)
			if err != nil || got != 3 || !trace.Stale() {
				t.Errorf("%d, %v, stale: %t", got, err, trace.Stale())
			}
		})
	}
}

// Else the older stock would be given until something else voids it.
func TestPendingStock_ThatNobodyKnowsIsAskedForAgainSoon(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, devtest.Redis(t))
	product, stock := newProduct(t, db, "a"), repositories.NewStock(db)
	buffer, values := newStockBuffer(client, db), newCache(t, client)
	products := repositories.NewCachedProducts(
		repositories.NewPendingStock(repositories.NewProducts(db), buffer, stock, values),
		values, repositories.CacheTimes{TTL: time.Hour})
	const data = "test:{stock}:data"
	client.Set(t.Context(), data, "not a hash", 0) // the one question that Redis cannot answer
	trace := new(tracing.Trace)
	got, err := products.Get(tracing.With(t.Context(), trace), product)
	if err != nil || got.Stock != 0 || !trace.Stale() {
		t.Errorf("%d, %v, stale: %t", got.Stock, err, trace.Stale())
	}
	client.Del(t.Context(), data)
	if _, err := buffer.Put(t.Context(), product, 7); err != nil {
		t.Fatal(err)
	}
	devtest.Eventually(t, "what waits is shown", func() bool {
		got, err := products.Get(t.Context(), product)
		return err == nil && got.Stock == 7
	})
}

// An export reads PostgreSQL alone, so it must not begin before what is pending is there.
func TestPendingStock_IsInAnExportOrThereIsNone(t *testing.T) {
	db, client := open(t, devtest.Database(t), true), devtest.RedisClient(t, devtest.Redis(t))
	product, stock := newProduct(t, db, "a"), repositories.NewStock(db)
	buffer := newStockBuffer(client, db)
	products := repositories.NewPendingStock(repositories.NewProducts(db), buffer, stock, newCache(t, client))
	if _, err := buffer.Put(t.Context(), product, 7); err != nil {
		t.Fatal(err)
	}
	for _, works := range []bool{true, false} {
		if !works {
			client.Set(t.Context(), "test:{stock}:dirty", "not a set", 0)
		}
		for p, err := range products.Export(t.Context()) {
			if works && (err != nil || p.Stock != 7) || !works && problem.CodeOf(err) != problem.Unavailable {
				t.Errorf("%+v, %v", p, err)
			}
		}
	}
}
