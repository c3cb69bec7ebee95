package querylog_test

import (
	"context"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

// BenchmarkGet reads one row as a repository does: by its key, under a context
// that can be cancelled. The hook's cost is "hooked" against "bare".
func BenchmarkGet(b *testing.B) {
	dsn := devtest.EmptyDatabase(b)
	observe := func(context.Context, querylog.Event) {}
	b.Run("bare", func(b *testing.B) { get(b, bare(b, dsn)) })
	b.Run("bare-binary", func(b *testing.B) { get(b, bare(b, dsn+"&binary_parameters=yes")) })
	b.Run("hooked-unprepared", func(b *testing.B) { get(b, open(b, querylog.Options{DSN: dsn, Observe: observe})) })
	b.Run("hooked-prepared", func(b *testing.B) {
		get(b, open(b, querylog.Options{DSN: dsn, Prepared: true, Observe: observe}))
	})
	b.Run("hooked-prepared-metrics", func(b *testing.B) {
		get(b, open(b, querylog.Options{DSN: dsn, Prepared: true, Observe: querylog.Metrics(prometheus.NewRegistry())}))
	})
	b.Run("user-prepared", func(b *testing.B) { // the least that lib/pq can do
		db := bare(b, dsn)
		db.SetMaxOpenConns(1)
		stmt, err := db.Preparex(benchmarked)
		if err != nil {
			b.Fatal(err)
		}
		measure(b, func(ctx context.Context, row *benchmarkRow, id int) error { return stmt.GetContext(ctx, row, id) })
	})
}

const benchmarked = `-- name: products.get
	SELECT $1::int AS id, 'a product' AS name, oid AS price FROM pg_class WHERE oid = 1259`

type benchmarkRow struct {
	ID    int
	Name  string
	Price int64
}

func get(b *testing.B, db *sqlx.DB) {
	db.SetMaxOpenConns(1)
	measure(b, func(ctx context.Context, row *benchmarkRow, id int) error {
		return db.GetContext(ctx, row, benchmarked, id)
	})
}

func measure(b *testing.B, run func(ctx context.Context, row *benchmarkRow, id int) error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var row benchmarkRow
		if err := run(ctx, &row, i); err != nil {
			b.Fatal(err)
		}
	}
}
