package postgres_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services/problem"
)

type numbered struct {
	N     int64
	Label *string
	Of    struct{ Name string }
}

// In FROM, the series would be made as a whole first.
const countUp = `-- name: test.count_up
SELECT n, CASE WHEN n % 2 = 0 THEN 'even' END AS label, 'x' || n AS "of.name"
FROM (SELECT generate_series(1, $1::int) AS n) series`

func TestStream_GivesEveryRowInItsFields(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		var got []numbered
		for row, err := range postgres.Stream[numbered](t.Context(), db, "count up", countUp, 3) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, row)
		}
		if len(got) != 3 || got[2].N != 3 || got[2].Of.Name != "x3" || got[2].Label != nil ||
			got[1].Label == nil || *got[1].Label != "even" {
			t.Errorf("got %+v", got)
		}
	})
}

// One connection for all: whatever ends a stream must give it back.
func TestStream_GivesItsConnectionBack(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		db.SetMaxOpenConns(1)
		const millions = 500_000_000 // to read them all would take many minutes
		for range 3 {
			for row, err := range postgres.Stream[numbered](t.Context(), db, "count up", countUp, millions) {
				if err != nil {
					t.Fatal(err)
				}
				if row.N == 10 {
					break
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range postgres.Stream[numbered](ctx, db, "count up", countUp, millions) {
			cancel()
			last = err
		}
		if !errors.Is(last, context.Canceled) || problem.CodeOf(last) != problem.Unavailable {
			t.Errorf("the end of its context ends it with %v", last)
		}
		if n := get[int](t, db, "SELECT 1"); n != 1 {
			t.Errorf("got %d", n)
		}
	})
}

func TestStream_AnErrorIsTheLastThing(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		for query, rows := range map[string]int{
			"SELECT 10 / (3 - n) AS n, NULL AS label, '' AS \"of.name\" FROM generate_series(1, 5) n": 2,
			"SELECT 1 AS n, 2 AS other": 0,
			"SELECT 'a' AS n":           0,
			"SELECT NULL AS n":          0,
			"no SQL":                    0,
		} {
			var errs []error
			for _, err := range postgres.Stream[numbered](t.Context(), db, "try", query) {
				errs = append(errs, err)
			}
			if len(errs) != rows+1 || errs[rows] == nil || slices.ContainsFunc(errs[:rows], func(err error) bool { return err != nil }) {
				t.Errorf("%s: gives %v", query, errs)
			}
		}
	})
}
