package doctor_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/doctor"
	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/migrate"
	"example.com/prefab/repositories/postgres"
)

func TestMain(m *testing.M) { devtest.Main(m) }

var migrations = migrate.Options{
	Files:   fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (n int);\n-- +goose Down\nDROP TABLE a;\n")}},
	Timeout: time.Minute, Log: slog.New(slog.DiscardHandler),
}

// load returns settings by NAME=value.
func load(t *testing.T, environ ...string) server.Settings {
	t.Helper()
	s, err := settings.Load[server.Settings](append(environ, "PORT=0"), "none")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, url string) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func examine(t *testing.T, s server.Settings) *doctor.Report {
	t.Helper()
	return doctor.Examine(t.Context(), doctor.Options{
		Settings: s, Migrations: migrations, CacheBudget: 10 * time.Second, Buffered: true,
	})
}

// wants wants a finding of that level, with a cure unless all is well.
func wants(t *testing.T, r *doctor.Report, level doctor.Level, about, says string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Level == level && f.About == about && strings.Contains(f.Says, says) && (f.Cure == "") == (level == doctor.OK) {
			return
		}
	}
	var text strings.Builder
	r.Print(&text)
	t.Errorf("there is no %s about %s that says %q:\n%s", level, about, says, text.String())
}

func TestExamine_FindsNothingWrongWithWhatIsRight(t *testing.T) {
	database, redisURL := devtest.EmptyDatabase(t), devtest.Redis(t)
	if err := migrate.Up(t.Context(), open(t, database).DB, migrations); err != nil {
		t.Fatal(err)
	}
	client := devtest.RedisClient(t, redisURL)
	for name, value := range map[string]string{"maxmemory": "64mb", "maxmemory-policy": "volatile-lru", "appendonly": "yes"} {
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	r := examine(t, load(t, "DATABASE_URL="+database, "REDIS_URL="+redisURL, "MAX_CONNECTIONS=100"))
	wants(t, r, doctor.OK, "migrations", "all 1 are applied")
	wants(t, r, doctor.OK, "prepared statements", "they work")
	wants(t, r, doctor.OK, "Redis, persistence", "append-only")
	for _, f := range r.Findings {
		if f.Level != doctor.OK {
			t.Errorf("it finds %+v", f)
		}
	}
	for _, about := range []string{"port", "open files", "PostgreSQL, clock", "PostgreSQL, TLS", "rights", "Redis, clock", "Redis, TLS"} {
		wants(t, r, doctor.OK, about, "")
	}
}

func TestExamine_PostgreSQL(t *testing.T) {
	database := devtest.EmptyDatabase(t)
	db := open(t, database)
	wants(t, examine(t, load(t, "DATABASE_URL="+database)), doctor.Warning, "migrations", "1 migration waits: 00001_a.sql")

	changed := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE b (n int);\n")}}
	if err := migrate.Up(t.Context(), db.DB, migrate.Options{Files: changed, Timeout: time.Minute, Log: migrations.Log}); err != nil {
		t.Fatal(err)
	}
	r := examine(t, load(t, "DATABASE_URL="+database, "DATABASE_MAX_CONNS=10000"))
	wants(t, r, doctor.Failure, "migrations", "edited after they were applied")
	wants(t, r, doctor.Failure, "connections", "DATABASE_MAX_CONNS is 10000")

	db.MustExecContext(t.Context(), "CREATE ROLE doctor_reader LOGIN; CREATE SCHEMA theirs; CREATE TABLE theirs.secret (n int);"+
		"GRANT USAGE ON SCHEMA theirs TO doctor_reader; ALTER ROLE doctor_reader SET search_path = theirs")
	t.Cleanup(func() {
		db.MustExecContext(context.WithoutCancel(t.Context()), "DROP OWNED BY doctor_reader; DROP ROLE doctor_reader")
	})
	var user string
	if err := db.GetContext(t.Context(), &user, "SELECT current_user"); err != nil {
		t.Fatal(err)
	}
	r = examine(t, load(t, "DATABASE_URL="+strings.Replace(database, "//"+user, "//doctor_reader", 1)))
	wants(t, r, doctor.Failure, "rights", "may not create tables, and migrations wait")
	wants(t, r, doctor.Failure, "rights", "may not read and write secret")

	r = examine(t, load(t, "DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/none?sslmode=disable", "DATABASE_REPLICA_URL="+database))
	wants(t, r, doctor.Failure, "PostgreSQL", "cannot be used")
	wants(t, r, doctor.Warning, "replica", "it is no replica")
	var text strings.Builder
	if r.Print(&text); strings.Contains(text.String(), "hunter2") {
		t.Errorf("the password is shown:\n%s", text.String())
	}
}

func TestExamine_PreparedStatementsBehindAPooler(t *testing.T) {
	through := devtest.PgBouncer(t, devtest.EmptyDatabase(t))
	wants(t, examine(t, load(t, "DATABASE_URL="+through)), doctor.Failure, "prepared statements", "do not work")
	for _, f := range examine(t, load(t, "DATABASE_URL="+through, "DATABASE_PREPARED=false")).Findings {
		if f.Level == doctor.Failure {
			t.Errorf("with DATABASE_PREPARED=false it finds %+v", f)
		}
	}
}

func TestExamine_Redis(t *testing.T) {
	url := devtest.Redis(t)
	client := devtest.RedisClient(t, url)
	set := func(name, value string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("appendonly", "no")
	set("maxmemory", "64mb")
	for _, c := range []struct {
		policy, limit string
		level         doctor.Level
		says          string
	}{
		{"allkeys-lru", "64mb", doctor.Failure, "evicts buffered writes"},
		{"noeviction", "64mb", doctor.Warning, "takes no writes"},
		{"volatile-lru", "0", doctor.Warning, "not limited"},
		{"volatile-ttl", "64mb", doctor.OK, "64 MiB, volatile-ttl"},
	} {
		set("maxmemory-policy", c.policy)
		set("maxmemory", c.limit)
		wants(t, examine(t, load(t, "REDIS_URL="+url)), c.level, "Redis, maxmemory", c.says)
	}
	r := doctor.Examine(t.Context(), doctor.Options{Settings: load(t, "REDIS_URL="+url), CacheBudget: 1, Buffered: true})
	wants(t, r, doctor.Warning, "Redis", "CACHE_BUDGET=1ns")
	wants(t, r, doctor.Warning, "Redis, persistence", "lost if Redis crashes")
	wants(t, examine(t, load(t, "REDIS_URL=redis://:hunter2@127.0.0.1:1/0")), doctor.Failure, "Redis", "cannot be used")
}

func TestExamine_TheMachineAndProduction(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, port, err := net.SplitHostPort(other.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, "DATABASE_URL=postgres://u@127.0.0.1:1/none?sslmode=disable", "REDIS_URL=redis://127.0.0.1:1", "APP_ENV=production",
		"ADMIN_ADDR=:3001", "OPS_PROFILES=true", "MAX_CONNECTIONS=1000000", "WORKERS=1", "BODY_BUDGET=1099511627776")
	s.Port, _ = strconv.Atoi(port)
	r := examine(t, s)
	wants(t, r, doctor.Failure, "port", "not this service")
	wants(t, r, doctor.Warning, "proxies", "no proxy is trusted")
	wants(t, r, doctor.Warning, "HOST", "this machine alone")
	wants(t, r, doctor.Warning, "ADMIN_ADDR", "everybody")
	wants(t, r, doctor.Warning, "OPS_ACTIONS", "whoever reaches :3001")
	wants(t, r, doctor.Warning, "open files", "and needs 10")
	wants(t, r, doctor.Warning, "memory", "MiB of a process")
}
