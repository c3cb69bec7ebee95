package repositories_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services"
)

// seeded returns a filled catalogue whose statistics and visibility map are
// fresh, and the texts of the statements that the stores send, by name.
func seeded(t *testing.T) (*sqlx.DB, map[string]string) {
	t.Helper()
	texts := map[string]string{}
	db := openPool(t, postgres.Options{
		URL: devtest.Database(t), MaxConns: 1, Prepared: true,
		Observe: func(_ context.Context, e querylog.Event) { texts[e.Name] = e.Query },
	})
	// VACUUM marks no page as visible to all before the commit is on disk.
	mustExec(t, db, "SET synchronous_commit = on")
	seed(t, db, 5000)
	mustExec(t, db, "VACUUM ANALYZE")

	products := repositories.NewProducts(db)
	var lists error
	for _, name := range []string{"", "lamp"} {
		for _, category := range []int64{0, 1} {
			for _, newer := range []bool{false, true} {
				_, err := products.List(t.Context(), services.ProductFilter{CategoryID: category, Name: name, Limit: 21, Newer: newer})
				lists = errors.Join(lists, err)
			}
		}
	}
	_, counted := products.Count(t.Context())
	_, read := products.Get(t.Context(), 1)
	_, batch := products.Batch(t.Context(), []int64{1})
	_, pruned := products.Prune(t.Context(), time.Time{}, 1)
	if err := errors.Join(lists, counted, read, batch, pruned); err != nil {
		t.Fatal(err)
	}
	return db, texts
}

// plan tells how PostgreSQL runs a statement that it has planned often enough
// to settle for one plan, if it ever does.
func plan(t *testing.T, db *sqlx.DB, text, arguments string) string {
	t.Helper()
	mustExec(t, db, "PREPARE planned AS "+text)
	for range 6 {
		mustExec(t, db, "EXECUTE planned "+arguments)
	}
	defer mustExec(t, db, "DEALLOCATE planned")
	return strings.Join(rows[string](t, db, "EXPLAIN (COSTS OFF) EXECUTE planned "+arguments), "\n")
}

func TestStatements_UseTheirIndexes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	db, texts := seeded(t)
	middle := get[string](t, db, "SELECT quote_literal(created_at) FROM products ORDER BY created_at LIMIT 1 OFFSET 2500")
	const lists, counts, reads, batches = "products.list", "products.count", "products.get", "products.batch"
	for _, c := range []struct{ name, arguments, uses, never string }{
		{lists, "('9999-12-31', 0, 21)", "Index Scan using products_newest_idx", "Sort"},
		{lists, fmt.Sprintf("(%s, 1, 101)", middle), "Index Scan using products_newest_idx", "Sort"},
		{lists, fmt.Sprintf("(%s, 1, 101)", middle), "Index Cond: (ROW(created_at, id) < ROW(", "Filter"},
		{lists + "_category", "('9999-12-31', 0, 21, 1)", "Index Scan using products_category_newest_idx", "Sort"},
		{lists + "_category", fmt.Sprintf("(%s, 1, 101, 1)", middle), "Index Scan using products_category_newest_idx", "Sort"},
		{lists + "_newer", fmt.Sprintf("(%s, 1, 101)", middle), "Index Scan Backward using products_newest_idx", "Sort"},
		{lists + "_category_newer", fmt.Sprintf("(%s, 1, 101, 1)", middle), "Index Scan Backward using products_category_newest_idx", "Sort"},
		{"products.search", "('9999-12-31', 0, 21, 'nothing:*')", "Bitmap Index Scan on products_name_idx", "Seq Scan on products"},
		{"products.search", "('9999-12-31', 0, 21, 'nothing:*')", "Index Scan using products_newest_idx on products", "Seq Scan on products"},
		{"products.search_category", "('9999-12-31', 0, 21, 'nothing:*', 1)", "Bitmap Index Scan on products_name_idx", "Seq Scan on products"},
		{"products.search_newer", fmt.Sprintf("(%s, 1, 21, 'nothing:*')", middle), "Bitmap Index Scan on products_name_idx", "Seq Scan on products"},
		{counts, "", "Index Only Scan using products_newest_idx", "Seq Scan"},
		{reads, "(1, 20)", "Index Scan using products_pkey", "Seq Scan on reviews"},
		{reads, "(1, 20)", "Index Cond: (id = $1)", "Index Cond: (id = '1'"}, // the plan for all ids is kept
		{batches, "('{1}', 20)", "Index Scan using products_pkey", "Seq Scan on reviews"},
		{batches, "('{1,77,4000}', 20)", "Index Only Scan using reviews_newest_idx", "Seq Scan on reviews"},
		{batches, "('{1,77,4000}', 20)", "Index Scan using reviews_newest_idx", "Seq Scan on reviews"},
		{"products.prune", "('2026-01-01', 1000)", "Index Scan using products_deleted_idx", "Seq Scan"},
		{"products.prune", "('2026-01-01', 1000)", "Index Scan using products_pkey", "Sort"},
	} {
		got := plan(t, db, texts[c.name], c.arguments)
		if !strings.Contains(got, c.uses) || strings.Contains(got, c.never) {
			t.Errorf("%s%s: want %q and no %q, but the plan is\n%s", c.name, c.arguments, c.uses, c.never, got)
		}
	}
	checkReviewPlans(t, db, texts)
}

// checkReviewPlans checks that the statement reads the 20 reviews shown, of however many.
func checkReviewPlans(t *testing.T, db *sqlx.DB, texts map[string]string) {
	t.Helper()
	mustExec(t, db, `INSERT INTO users (email, name, password_hash)
		SELECT n || '@many.example', 'Reviewer ' || n, '' FROM generate_series(1, 20000) n`)
	mustExec(t, db, `INSERT INTO reviews (product_id, user_id, rating, body, created_at)
		SELECT 1, id, 4, 'Body.', timestamptz '2026-02-01Z' + id * interval '1 min' FROM users
		WHERE email LIKE '%@many.example'`)
	mustExec(t, db, "VACUUM ANALYZE")
	for name, argument := range map[string]string{"products.get": "1", "products.batch": "'{1}'"} {
		mustExec(t, db, "PREPARE planned AS "+texts[name])
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			mustExec(t, db, "SET plan_cache_mode = "+mode)
			lines := rows[string](t, db, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE planned ("+argument+", 20)")
			const want = "Index Scan using reviews_newest_idx on reviews reviews_1 (actual rows=20 loops=1)"
			if got := strings.Join(lines, "\n"); !strings.Contains(got, want) {
				t.Errorf("%s, %s: want %q, but the plan is\n%s", name, mode, want, got)
			}
		}
		mustExec(t, db, "DEALLOCATE planned")
	}
}
