package querylog_test

import (
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestPrepared_OncePerConnection(t *testing.T) {
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	db := open(t, querylog.Options{DSN: dsn, Prepared: true})
	for i := range 10 {
		if got := mustGet[int](t, db, "SELECT $1::int + 1", i); got != i+1 {
			t.Fatalf("got %d", got)
		}
		mustExec(t, db, "SELECT $1::int + 2", i)
	}
	if parses := p.count('P'); parses != 2 {
		t.Errorf("%d texts parsed, want 2", parses)
	}
	if trips := p.roundTrips(); trips != 22 {
		t.Errorf("%d round trips for 20 statements, want 22", trips)
	}
}

func TestPrepared_CacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true})
	const used = "SELECT $1::int"
	for i := range 256 + 20 {
		mustExec(t, db, fmt.Sprintf("SELECT $1::int + %d", i), i)
		mustExec(t, db, used, i)
	}
	if n := prepared(t, db); n != 256 {
		t.Errorf("%d prepared statements, want 256", n)
	}
	if n := mustGet[int](t, db, "SELECT count(*) FROM pg_prepared_statements WHERE statement = '"+used+"'"); n != 1 {
		t.Error("the statement in constant use was evicted")
	}
}

func TestPrepared_EvictionInAFailedTransactionLeavesTheConnectionUsable(t *testing.T) {
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true, CacheSize: 2})
	pid := mustGet[int](t, db, "SELECT pg_backend_pid()")
	mustExec(t, db, "SELECT $1::int + 1", 1)
	mustExec(t, db, "SELECT $1::int + 2", 1)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = tx.Exec("SELECT 1/0")
	if _, err := tx.Exec("SELECT $1::int + 3", 1); pq.As(err) == nil || pq.As(err).Code != "25P02" {
		t.Errorf("got %v, want the failed transaction", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "SELECT $1::int + 4", 1)
	if n := prepared(t, db); n != 2 {
		t.Errorf("%d prepared statements, want 2", n)
	}
	if now := mustGet[int](t, db, "SELECT pg_backend_pid()"); now != pid {
		t.Error("the connection was thrown away")
	}
}

func TestPrepared_SchemaChangeBetweenTwoUsesRecovers(t *testing.T) {
	changes := map[string]string{
		"a column is added":        "ALTER TABLE things ADD COLUMN label text",
		"a column changes type":    "ALTER TABLE things ALTER COLUMN id TYPE bigint",
		"the argument's type":      "ALTER TABLE things ALTER COLUMN code TYPE text",
		"statements are discarded": "DISCARD ALL",
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			var seen events
			db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true, Observe: seen.observe})
			mustExec(t, db, "CREATE TABLE things (id int, code int)")
			mustExec(t, db, "INSERT INTO things VALUES (1, 1)")
			const query = "SELECT * FROM things WHERE code = $1"
			for range 6 { // past the point where PostgreSQL keeps a generic plan
				mustRead(t, db, query, "1")
			}
			pid := mustGet[int](t, db, "SELECT pg_backend_pid()")
			mustExec(t, db, change)
			seen.take()

			ctx, trace := traced()
			rows, err := db.QueryxContext(ctx, query, "1")
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				if _, err := rows.SliceScan(); err != nil {
					t.Fatal(err)
				}
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			if e := seen.one(t); e.Err != nil || e.Rows != 1 || trace.Queries() != 1 {
				t.Errorf("got %+v, counted %d", e, trace.Queries())
			}
			if now := mustGet[int](t, db, "SELECT pg_backend_pid()"); now != pid {
				t.Error("the connection was thrown away")
			}
		})
	}
}

func TestPrepared_SchemaChangeInATransactionFailsOnceThenRecovers(t *testing.T) {
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true})
	mustExec(t, db, "CREATE TABLE things (id int)")
	const query = "SELECT * FROM things WHERE id = $1"
	mustRead(t, db, query, 1)
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
	mustRead(t, db, query, 1)
}

func TestPrepared_FailingProcedureIsNotCalledTwice(t *testing.T) {
	db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true})
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

func TestExec_SeveralStatementsWithoutArguments(t *testing.T) {
	bothModes(t, func(t *testing.T, on bool) {
		db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: on})
		mustExec(t, db, "CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO b VALUES (1), (2)")
		if n := mustGet[int](t, db, "SELECT count(*) FROM b"); n != 2 {
			t.Errorf("%d rows", n)
		}
		rows, err := db.Query("SELECT 1; SELECT 2 UNION ALL SELECT 3")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var read int
		for more := true; more; more = rows.NextResultSet() {
			for rows.Next() {
				read++
			}
		}
		if read != 3 || rows.Err() != nil {
			t.Errorf("read %d rows of two results: %v", read, rows.Err())
		}
	})
}

func TestUnprepared_OneRoundTripAndNothingKept(t *testing.T) {
	p, dsn := newProxy(t, devtest.EmptyDatabase(t), nil)
	db := open(t, querylog.Options{DSN: dsn})
	mustExec(t, db, "SELECT 1")
	before := p.roundTrips()
	mustExec(t, db, "SELECT $1::int", 1)
	mustRead(t, db, "SELECT $1::int", 1)
	if trips := p.roundTrips() - before; trips != 2 {
		t.Errorf("%d round trips for two statements", trips)
	}
	if n := prepared(t, db); n != 0 {
		t.Errorf("%d prepared statements, want none", n)
	}
}

func TestOpenRows_RefuseASecondStatementOnTheirConnection(t *testing.T) {
	bothModes(t, func(t *testing.T, on bool) {
		db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: on})
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		const query = "SELECT n FROM generate_series(1, $1::int) n"
		if _, err := tx.Exec(query, 1); err != nil { // prepared by now
			t.Fatal(err)
		}
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
		if _, err := tx.Exec(query, 1); err != nil {
			t.Errorf("after the rows: %v", err)
		}
	})
}

// mustRead reads all rows, whatever their columns.
func mustRead(t *testing.T, db *sqlx.DB, query string, args ...any) {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
