package querylog_test

import (
	"context"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/repositories/querylog"
)

// BenchmarkGet reads one row as a repository does: by its key, under a context
// that can be cancelled. The hook's cost is the difference to "bare".
func BenchmarkGet(b *testing.B) {
	dsn := emptyDatabase(b)
	metrics := querylog.Metrics(prometheus.NewRegistry())
	b.Run("bare", func(b *testing.B) { get(b, bare(b, dsn)) })
	b.Run("unprepared", func(b *testing.B) { get(b, open(b, querylog.Options{DSN: dsn, Observe: metrics})) })
	b.Run("prepared", func(b *testing.B) { get(b, open(b, querylog.Options{DSN: dsn, Prepared: true, Observe: metrics})) })
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
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var row benchmarkRow
		if err := db.GetContext(ctx, &row, benchmarked, i); err != nil {
			b.Fatal(err)
		}
	}
}
