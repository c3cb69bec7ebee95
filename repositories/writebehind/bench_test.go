package writebehind_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/writes"
)

// BenchmarkFlush stores 5,000 changed products with batches of several sizes,
// against transactions of as many rows that write row by row through lib/pq alone:
// what the recipe does with a queue in memory, Redis left out.
func BenchmarkFlush(b *testing.B) {
	const products = 5000
	database := newCatalogue(b, devtest.Database(b), products)
	s := newShelfOn(b, database, devtest.Redis(b))
	bare, err := sqlx.Open("postgres", database)
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			s := sized(b, s, size)
			s.rounds(b, products, s.table.SetAll)
		})
		b.Run(fmt.Sprintf("row-by-row-%d", size), func(b *testing.B) { rowByRow(b, bare, products, size) })
	}
}

// sized is a shelf before the same table with batches of another size.
func sized(b *testing.B, s *shelf, size int) *shelf {
	b.Helper()
	other := newShelf(b, 0, batchesOf(size))
	other.db, other.table = s.db, s.table
	return other
}

func (s *shelf) rounds(b *testing.B, products int64, store writes.StoreBatch[int64, int64]) {
	b.Helper()
	for b.Loop() {
		b.StopTimer()
		for key := range products {
			s.put(key+1, key)
		}
		b.StartTimer()
		if err := s.Flush(b.Context(), store); err != nil {
			b.Fatal(err)
		}
	}
	reportRows(b, products)
}

func reportRows(b *testing.B, products int64) {
	b.ReportMetric(float64(products)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func rowByRow(b *testing.B, db *sqlx.DB, products int64, size int) {
	b.Helper()
	for b.Loop() {
		for first := int64(0); first < products; first += int64(size) {
			tx := db.MustBegin()
			for key := first; key < first+int64(size); key++ {
				tx.MustExec(`INSERT INTO stock (product_id, quantity, version) VALUES ($1, $2, $3)
					ON CONFLICT (product_id) DO UPDATE SET quantity = excluded.quantity, version = excluded.version`,
					key+1, key, time.Now().UnixMicro())
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}
	reportRows(b, products)
}

func BenchmarkPut(b *testing.B) {
	s := newShelf(b, 1)
	b.ReportAllocs()
	for key := int64(0); b.Loop(); key++ {
		s.put(key%1000, key)
	}
}
