package querylog_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/problem"
)

const createLamps = "CREATE TABLE lamps (id bigint PRIMARY KEY, room text NOT NULL, watts integer NOT NULL DEFAULT 5)"

func TestExplain_PlansStatementsWithoutRunningThem(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, seen *events, _ bool) {
		mustExec(t, db, createLamps)
		mustExec(t, db, "INSERT INTO lamps VALUES (1, 'kitchen')")
		before := prepared(t, db)
		seen.take()
		for text, want := range map[string]string{
			"-- name: lamps.add\nINSERT INTO lamps (id, room) VALUES ($1, $2) RETURNING id": "Insert on lamps",
			"-- name: lamps.get\nSELECT room FROM lamps WHERE id = $1":                      "Index Cond: (id = $1)",
			"SELECT id FROM lamps WHERE id = $1 FOR UPDATE;\n":                              "LockRows",
			"UPDATE lamps SET watts = $2 WHERE id = $1":                                     "Update on lamps",
			"DELETE FROM lamps": "Delete on lamps",
			"WITH gone AS (DELETE FROM lamps RETURNING id) SELECT count(*) FROM gone":        "CTE gone",
			"SELECT id FROM lamps WHERE room = ANY($1::text[]) ORDER BY id LIMIT $2":         "Limit",
			"INSERT INTO lamps VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET room = 'hall'": "Conflict Resolution: UPDATE",
		} {
			plan, err := querylog.Explain(t.Context(), db.DB, text)
			if err != nil || !strings.Contains(plan, want) || !strings.Contains(plan, "cost=") {
				t.Errorf("%s\nhas the plan\n%s\nand the error %v, want %q", text, plan, err, want)
			}
		}
		for _, e := range seen.take() {
			if e.Name != "querylog.explain" {
				t.Errorf("a statement has the name %q: %s", e.Name, e.Query)
			}
		}
		if got := mustGet[string](t, db, "SELECT string_agg(id || room || watts, ' ') FROM lamps"); got != "1kitchen5" {
			t.Errorf("the lamps are %q now", got)
		}
		if n := prepared(t, db) - before; n > 1 { // that of the number of parameters
			t.Errorf("%d prepared statements are left", n)
		}
		if got := mustGet[string](t, db, "SELECT current_setting('plan_cache_mode') || current_setting('statement_timeout')"); got != "auto0" {
			t.Errorf("the settings are %q now", got)
		}
	})
}

func TestExplain_RefusesWhatHasNoPlan(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, _ bool) {
		mustExec(t, db, createLamps)
		mustExec(t, db, "INSERT INTO lamps VALUES (1, 'kitchen')")
		before := prepared(t, db)
		for text, want := range map[string]string{
			"TRUNCATE lamps":                       "Only SELECT",
			"":                                     "Only SELECT",
			"SELECT 1; COMMIT; DELETE FROM lamps":  "semicolon",
			"SELECT none FROM lamps":               `column "none" does not exist`,
			"SELECT room FROM lamps WHERE id = $2": "could not determine data type of parameter $1",
			"SELECT " + strings.Repeat("1 + ", 10) + "…": "too long",
		} {
			plan, err := querylog.Explain(t.Context(), db.DB, text)
			if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), want) || plan != "" {
				t.Errorf("%s\nhas the error %v, want %q", text, err, want)
			}
		}
		if n := prepared(t, db) - before; n > 0 {
			t.Errorf("%d prepared statements are left", n)
		}
		if n := mustGet[int](t, db, "SELECT count(*) FROM lamps"); n != 1 {
			t.Errorf("there are %d lamps now", n)
		}
	})
}

// Planning evaluates immutable functions, and so may fail after PREPARE.
func TestExplain_LeavesNothingPreparedWhenPlanningFails(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, _ bool) {
		mustExec(t, db, "CREATE FUNCTION broken() RETURNS int IMMUTABLE LANGUAGE plpgsql AS "+
			"'BEGIN RAISE EXCEPTION ''it is broken''; END'")
		before := prepared(t, db)
		_, err := querylog.Explain(t.Context(), db.DB, "SELECT broken()")
		if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), "it is broken") {
			t.Errorf("the error is %v", err)
		}
		if n := prepared(t, db) - before; n > 1 { // that of the number of parameters
			t.Errorf("%d prepared statements are left", n)
		}
	})
}

func TestExplain_EndsWithItsContext(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, _ bool) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := querylog.Explain(ctx, db.DB, "SELECT 1"); err == nil {
			t.Error("there is a plan")
		}
	})
}

func TestExplain_WorksBehindPgBouncer(t *testing.T) {
	db := open(t, querylog.Options{DSN: devtest.PgBouncer(t, emptyDatabase(t))})
	db.SetMaxOpenConns(4)
	mustExec(t, db, createLamps)
	var planning sync.WaitGroup
	for range 20 {
		planning.Go(func() {
			plan, err := querylog.Explain(t.Context(), db.DB, "INSERT INTO lamps VALUES ($1, $2, $3)")
			if err != nil || !strings.Contains(plan, "Insert on lamps") {
				t.Errorf("the plan is %q, error %v", plan, err)
			}
		})
	}
	planning.Wait()
	if n := prepared(t, db) + mustGet[int](t, db, "SELECT count(*) FROM lamps"); n > 0 {
		t.Errorf("%d prepared statements and lamps are left", n)
	}
}
