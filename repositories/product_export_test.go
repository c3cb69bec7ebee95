package repositories_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories"
)

func TestProducts_ExportGivesTimesToTheMicrosecond(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		times := []time.Time{
			time.Date(2026, 1, 31, 23, 59, 59, 123_456_000, time.UTC),
			time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // where PostgreSQL counts from
			time.Date(1969, 7, 20, 20, 17, 40, 1000, time.UTC),
			time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		}
		for i, created := range times {
			mustExec(t, db, "UPDATE products SET created_at = $1, updated_at = $2 WHERE id = $3",
				created, times[len(times)-1-i], newProduct(t, db, created.String()))
		}
		var got []time.Time
		for p, err := range repositories.NewProducts(db).Export(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if updated := times[len(times)-1-len(got)]; p.UpdatedAt != updated {
				t.Errorf("updated at %s, want %s", p.UpdatedAt, updated)
			}
			got = append(got, p.CreatedAt)
		}
		equal(t, "created", got, times)
	})
}

func TestProducts_ExportRefusesTimesThatJSONCannotHold(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		id := newProduct(t, db, "odd")
		for _, created := range []string{"infinity", "-infinity", "10000-01-01", "0044-03-15 BC"} {
			mustExec(t, db, "UPDATE products SET created_at = $1 WHERE id = $2", created, id)
			var last error
			for _, err := range repositories.NewProducts(db).Export(t.Context()) {
				last = err
			}
			if last == nil || !strings.Contains(last.Error(), "correct the row") {
				t.Errorf("%s: error %v", created, last)
			}
		}
	})
}
