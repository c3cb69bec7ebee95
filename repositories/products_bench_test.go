package repositories_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// BenchmarkProducts reads one product, and a list of 50, as a request does: with a
// deadline and a trace. "bare" is sqlx on lib/pq with a statement that is prepared
// once; without a deadline, which alone costs both a goroutine, and with one.
func BenchmarkProducts(b *testing.B) {
	url, texts := devtest.Database(b), map[string]string{}
	metrics := querylog.Metrics(prometheus.NewRegistry())
	db, err := postgres.Open(postgres.Options{
		URL: url, MaxConns: 1, Prepared: true,
		Observe: func(ctx context.Context, e querylog.Event) { texts[e.Name] = e.Query; metrics(ctx, e) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := repositories.Seed(b.Context(), db, repositories.SeedOptions{Products: 1000}); err != nil {
		b.Fatal(err)
	}
	products := repositories.NewProducts(db)
	benchmark(b, "get/store", request, func(ctx context.Context, id int64) error {
		_, err := products.Get(ctx, id)
		return err
	})
	benchmark(b, "list/store", request, func(ctx context.Context, _ int64) error {
		_, err := products.List(ctx, 0, services.ProductPosition{}, 50)
		return err
	})

	bare := sqlx.MustOpen("postgres", url)
	b.Cleanup(func() { _ = bare.Close() })
	bare.SetMaxOpenConns(1)
	bare.Mapper = db.Mapper
	prepare := func(name string) *sqlx.Stmt {
		statement, err := bare.Preparex(texts[name])
		if err != nil {
			b.Fatal(err)
		}
		return statement
	}
	get, list := prepare("products.get"), prepare("products.list")
	for name, begin := range map[string]newContext{"bare": background, "bare-deadline": request} {
		benchmark(b, "get/"+name, begin, func(ctx context.Context, id int64) error {
			var row struct {
				services.Product
				NewestReviews []byte
			}
			err := get.GetContext(ctx, &row, id, services.ReviewsShown)
			if err != nil || row.NewestReviews == nil {
				return err
			}
			return json.Unmarshal(row.NewestReviews, &row.Reviews)
		})
		benchmark(b, "list/"+name, begin, func(ctx context.Context, _ int64) error {
			items := make([]services.ProductSummary, 0, 50)
			return list.SelectContext(ctx, &items, "9999-12-31", 0, 50)
		})
	}
}

type newContext func() (context.Context, context.CancelFunc)

func background() (context.Context, context.CancelFunc) { return context.Background(), func() {} }

func request() (context.Context, context.CancelFunc) {
	return context.WithTimeout(tracing.With(context.Background(), new(tracing.Trace)), time.Minute)
}

func benchmark(b *testing.B, name string, begin newContext, read func(ctx context.Context, id int64) error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(0); b.Loop(); i++ {
			ctx, cancel := begin()
			if err := read(ctx, 1+i%1000); err != nil {
				b.Fatal(err)
			}
			cancel()
		}
	})
}
