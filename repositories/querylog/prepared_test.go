package querylog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/repositories/querylog"
)

func TestPrepared_OncePerConnectionIfAtAll(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, on bool) {
		for i := range 10 {
			if got := mustGet[int](t, db, "SELECT $1::int + 1", i); got != i+1 {
				t.Fatalf("got %d", got)
			}
			stmt, err := db.Preparex("SELECT $1::int + 2")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stmt.Exec(i); err != nil {
				t.Fatal(err)
			}
			_ = stmt.Close()
		}
		want := map[bool]int{true: 2, false: 0}[on]
		if n := prepared(t, db); n != want {
			t.Errorf("%d prepared statements, want %d", n, want)
		}
	})
}

func TestPrepared_AreBoundedAlsoInAFailedTransaction(t *testing.T) {
	t.Parallel()
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true})
	before := pid(t, db)
	for i := range 256 {
		mustExec(t, db, fmt.Sprintf("SELECT $1::int + %d", i), i)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = tx.Exec("SELECT 1/0")
	if _, err := tx.Exec("SELECT $1::text", "a"); pq.As(err) == nil || pq.As(err).Code != "25P02" {
		t.Errorf("got %v, want the failed transaction", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		mustExec(t, db, fmt.Sprintf("SELECT $1::text || '%d'", i), "a")
	}
	if n := prepared(t, db); n != 256 {
		t.Errorf("%d prepared statements, want 256", n)
	}
	if pid(t, db) != before {
		t.Error("the connection was thrown away")
	}
}

func TestPrepared_SchemaChangeBetweenTwoUsesRecovers(t *testing.T) {
	for name, change := range map[string]string{
		"a column is added":        "ALTER TABLE things ADD COLUMN label text",
		"a column changes type":    "ALTER TABLE things ALTER COLUMN id TYPE bigint",
		"the argument's type":      "ALTER TABLE things ALTER COLUMN code TYPE text",
		"statements are discarded": "DISCARD ALL",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen events
			db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Observe: seen.observe})
			mustExec(t, db, "CREATE TABLE things (id int, code int); INSERT INTO things VALUES (1, 1)")
			const query = "SELECT * FROM things WHERE code = $1"
			for range 6 { // past the point where PostgreSQL keeps a generic plan
				if _, err := read(t.Context(), db, query, "1"); err != nil {
					t.Fatal(err)
				}
			}
			before := pid(t, db)
			mustExec(t, db, change)
			seen.take()
			ctx, trace := traced()
			if n, err := read(ctx, db, query, "1"); n != 1 || err != nil {
				t.Errorf("%d rows, error %v", n, err)
			}
			if e := seen.one(t); e.Err != nil || e.Rows != 1 || trace.Queries() != 1 {
				t.Errorf("got %+v, counted %d", e, trace.Queries())
			}
			if pid(t, db) != before {
				t.Error("the connection was thrown away")
			}
		})
	}
}

func TestPrepared_SchemaChangeInATransactionFailsOnceThenRecovers(t *testing.T) {
	t.Parallel()
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true})
	const query = "SELECT * FROM things WHERE id = $1"
	mustExec(t, db, "CREATE TABLE things (id int)")
	mustExec(t, db, query, 1)
	mustExec(t, db, "ALTER TABLE things ADD COLUMN label text")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(query, 1); pq.As(err) == nil || pq.As(err).Code != "0A000" {
		t.Errorf("got %v, want the server's own error: the transaction has failed", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, query, 1)
}

func TestPrepared_FailingProcedureIsNotCalledTwice(t *testing.T) {
	t.Parallel()
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true})
	mustExec(t, db, `CREATE TABLE calls (n int);
		CREATE PROCEDURE twice(n int) LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO calls VALUES (n); COMMIT; PERFORM missing FROM nowhere; END $$`)
	for range 2 {
		if _, err := db.Exec("CALL twice($1)", 1); err == nil {
			t.Fatal("no error")
		}
	}
	if n := mustGet[int](t, db, "SELECT count(*) FROM calls"); n != 2 {
		t.Errorf("called %d times, want 2", n)
	}
}

func TestOpenRows_RefuseASecondStatementOnTheirConnection(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, _ bool) {
		tx, err := db.Beginx()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		const query = "SELECT n FROM generate_series(1, $1::int) n"
		mustExec(t, tx, query, 1) // prepared by now
		rows, err := tx.Query(query, 1000)
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		if _, err := tx.Exec(query, 1); err == nil {
			t.Error("a second statement ran while rows were open")
		}
		read := 1
		for rows.Next() {
			read++
		}
		if read != 1000 || rows.Err() != nil {
			t.Errorf("read %d rows: %v", read, rows.Err())
		}
		mustExec(t, tx, query, 1)
	})
}

func TestCopy_IsRefusedAndLeavesAUsablePool(t *testing.T) {
	bothModes(t, func(t *testing.T, db *sqlx.DB, _ *events, _ bool) {
		mustExec(t, db, "CREATE TABLE things (id int)")
		for _, args := range [][]any{nil, {1}} {
			finishes(t, func() {
				tx, err := db.Begin()
				if err != nil {
					t.Error(err)
					return
				}
				stmt, err := tx.Prepare("COPY things (id) FROM STDIN")
				if err == nil {
					_, err = stmt.ExecContext(context.Background(), args...)
				}
				if err == nil {
					t.Errorf("COPY with %v is not refused", args)
				}
				_ = tx.Rollback()
			})
			mustExec(t, db, "SELECT $1::int", 1)
		}
	})
}
