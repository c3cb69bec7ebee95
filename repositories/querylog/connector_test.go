package querylog_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestNewConnector_NeverQuotesTheDSN(t *testing.T) {
	const secret = "pa55"
	for _, dsn := range []string{
		"postgres://user:" + secret + "/word@host/db",
		"postgres://user:" + secret + "%zz@host/db",
		"postgres://user:" + secret + "@host:port/db",
		"postgres://user:" + secret + "@host/db?sslmode=" + secret,
		"host=h password=a " + secret + " b",
		"host=h password='" + secret,
		"port=" + secret,
	} {
		_, err := querylog.NewConnector(querylog.Options{DSN: dsn})
		if err == nil {
			t.Errorf("%s: accepted", dsn)
			continue
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: quoted in %q", dsn, err)
			}
		}
	}
}

func TestConnect_ErrorNeverQuotesThePassword(t *testing.T) {
	connector, err := querylog.NewConnector(querylog.Options{DSN: "postgres://user:pa55@127.0.0.1:1/db?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connector.Connect(context.Background()); err == nil || strings.Contains(err.Error(), "pa55") {
		t.Errorf("got %v", err)
	}
}

func TestConnect_TakesKeyValueStrings(t *testing.T) {
	dsn := devtest.EmptyDatabase(t)
	_, proxied := newProxy(t, dsn, nil)
	name := mustGet[string](t, open(t, querylog.Options{DSN: dsn}), "SELECT current_database()")
	user := mustGet[string](t, open(t, querylog.Options{DSN: dsn}), "SELECT current_user")
	address := strings.Split(strings.Split(strings.Split(proxied, "://")[1], "/")[0], "@")
	host, port, _ := strings.Cut(address[len(address)-1], ":")
	db := open(t, querylog.Options{DSN: fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", host, port, user, name)})
	if got := mustGet[string](t, db, "SELECT current_database()"); got != name {
		t.Errorf("connected to %s", got)
	}
}

func TestConn_KeepsEveryOptionalInterfaceOfTheDriver(t *testing.T) {
	connector, err := querylog.NewConnector(querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := connector.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := conn.(interface {
		driver.ConnBeginTx
		driver.ConnPrepareContext
		driver.QueryerContext
		driver.ExecerContext
		driver.Pinger
		driver.SessionResetter
		driver.Validator
		driver.NamedValueChecker
	}); !ok {
		t.Error("the connection lacks an interface")
	}
	rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), "SELECT 1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if _, ok := rows.(interface {
		driver.RowsNextResultSet
		driver.RowsColumnTypeScanType
		driver.RowsColumnTypeDatabaseTypeName
		driver.RowsColumnTypeLength
		driver.RowsColumnTypePrecisionScale
	}); !ok {
		t.Error("the rows lack an interface")
	}
}

func TestPool_RecoversWhenTheServerEndsItsConnections(t *testing.T) {
	bothModes(t, func(t *testing.T, on bool) {
		var seen events
		dsn := devtest.EmptyDatabase(t)
		db, outside := open(t, querylog.Options{DSN: dsn, Prepared: on, Observe: seen.observe}), bare(t, dsn)
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
		fill(t, db)
		mustExec(t, outside, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		eventually(t, "only this connection is left", func() bool {
			return mustGet[int](t, outside, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == 1
		})
		seen.take()
		ctx, trace := traced()
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		var n int
		if err := db.GetContext(ctx, &n, "SELECT $1::int", 1); err != nil {
			t.Error(err)
		}
		cancel()
		if e := seen.one(t); e.Err != nil || trace.Queries() != 1 {
			t.Errorf("got %+v, counted %d: the attempts on dead connections are no statements", e, trace.Queries())
		}
	})
}

// fill opens as many connections as the pool may have, and puts them back.
func fill(t *testing.T, db *sqlx.DB) {
	t.Helper()
	for range db.Stats().MaxOpenConnections {
		conn, err := db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.ExecContext(context.Background(), "SELECT $1::int", 1); err != nil {
			t.Fatal(err)
		}
	}
}
