package repositories_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services"
	"example.com/prefab/services/tracing"
)

// BenchmarkProducts reads one product, and a list of 50, as a request does: with a
// deadline and a trace.
func BenchmarkProducts(b *testing.B) {
	db, err := postgres.Open(postgres.Options{
		URL: devtest.Database(b), MaxConns: 1, Prepared: true, Observe: querylog.Metrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := repositories.Seed(b.Context(), db, repositories.SeedOptions{Products: 1000}); err != nil {
		b.Fatal(err)
	}
	products := repositories.NewProducts(db)
	benchmark(b, "get", func(ctx context.Context, id int64) error {
		_, err := products.Get(ctx, id)
		return err
	})
	benchmark(b, "list", func(ctx context.Context, _ int64) error {
		_, err := products.List(ctx, 0, services.ProductPosition{}, 50)
		return err
	})
}

func request() (context.Context, context.CancelFunc) {
	return context.WithTimeout(tracing.With(context.Background(), new(tracing.Trace)), time.Minute)
}

func benchmark(b *testing.B, name string, read func(ctx context.Context, id int64) error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(0); b.Loop(); i++ {
			ctx, cancel := request()
			if err := read(ctx, 1+i%1000); err != nil {
				b.Fatal(err)
			}
			cancel()
		}
	})
}
