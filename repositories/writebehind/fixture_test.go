package writebehind_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services/problem"
	"example.com/prefab/services/writes"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerVariable); settings != "" {
		os.Exit(runWorker(settings))
	}
	devtest.Main(m)
}

type (
	options  = writebehind.Options[int64, int64]
	write    = writes.Write[int64, int64]
	rejected = writes.Rejected[int64]
)

const prefix = "prefab:test:{kv}:"

// table is where the writes are stored. It refuses negative keys as gone.
type table struct{ *sqlx.DB }

const createTable = `CREATE TABLE kv (key bigint PRIMARY KEY, value bigint NOT NULL, version bigint NOT NULL)`

const setAll = `
WITH stored AS (
    INSERT INTO kv SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS b (key) WHERE key >= 0 ORDER BY key
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version
    WHERE kv.version <= excluded.version
    RETURNING key
)
SELECT key, coalesce(version, 0) AS version FROM unnest($1::bigint[]) AS b (key) LEFT JOIN kv USING (key)
WHERE NOT EXISTS (SELECT FROM stored WHERE stored.key = b.key)`

func (t table) setAll(ctx context.Context, batch []write) (rejected, error) {
	keys, values, versions := make([]int64, len(batch)), make([]int64, len(batch)), make([]int64, len(batch))
	for i, w := range batch {
		keys[i], values[i], versions[i] = w.Key, w.Value, w.Version
	}
	var rows []struct{ Key, Version int64 }
	err := t.SelectContext(ctx, &rows, setAll, pq.Array(keys), pq.Array(values), pq.Array(versions))
	if err != nil {
		return rejected{}, postgres.WrapError("set values", err)
	}
	r := rejected{Stale: map[int64]int64{}, Missing: map[int64]bool{}}
	for _, row := range rows {
		if row.Key < 0 {
			r.Missing[row.Key] = true
		} else {
			r.Stale[row.Key] = row.Version
		}
	}
	return r, nil
}

func (t table) set(ctx context.Context, key, value int64) error {
	_, err := t.ExecContext(ctx, `INSERT INTO kv 
		VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = greatest(kv.version + 1, excluded.version)`, key, value)
	return err
}

// fixture is a buffer before a table.
type fixture struct {
	*writebehind.Buffer[int64, int64]
	t       testing.TB
	client  redis.UniversalClient
	table   table
	log     bytes.Buffer
	metrics *prometheus.Registry

	mu            sync.Mutex
	batches       [][]write // as they came to the table
	invalidated   []int64
	invalidateErr error
}

func newFixture(t testing.TB, changes ...func(*options)) *fixture {
	t.Helper()
	return newFixtureOn(t, newTable(t), devtest.Redis(t), changes...)
}

func newFixtureOn(t testing.TB, database table, redisURL string, changes ...func(*options)) *fixture {
	t.Helper()
	s := &fixture{t: t, client: devtest.RedisClient(t, redisURL), table: database, metrics: prometheus.NewRegistry()}
	o := options{
		Client: s.client, Prefix: "prefab:test:", Name: "kv", BatchSize: 100, MaxPending: 100_000,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: s.metrics, WriteThrough: database.set,
		Invalidate: func(_ context.Context, keys []int64) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.invalidated = append(s.invalidated, keys...)
			return s.invalidateErr
		},
	}
	for _, change := range changes {
		change(&o)
	}
	s.Buffer = writebehind.New(o)
	return s
}

func batchesOf(size int) func(*options) { return func(o *options) { o.BatchSize = size } }
func room(keys int) func(*options)      { return func(o *options) { o.MaxPending = keys } }

func newTable(t testing.TB) table {
	t.Helper()
	db := openTable(t, devtest.EmptyDatabase(t))
	db.MustExec(createTable)
	return db
}

func openTable(t testing.TB, url string) table {
	t.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConns: 8, Prepared: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return table{db}
}

// store stores a batch in the table and records it.
func (s *fixture) store(ctx context.Context, batch []write) (rejected, error) {
	s.mu.Lock()
	s.batches = append(s.batches, slices.Clone(batch))
	s.mu.Unlock()
	return s.table.setAll(ctx, batch)
}

// storeThen returns a store that calls do after it has stored the first batch.
func (s *fixture) storeThen(do func()) writes.StoreBatch[int64, int64] {
	var once sync.Once
	return func(ctx context.Context, batch []write) (rejected, error) {
		defer once.Do(do)
		return s.store(ctx, batch)
	}
}

func (s *fixture) put(key, value int64) {
	s.t.Helper()
	if _, err := s.Put(s.t.Context(), key, value); err != nil {
		s.t.Errorf("put %d under %d: %v", value, key, err)
	}
}

// putAll puts the value under the keys from 1 to n.
func (s *fixture) putAll(n, value int64) {
	s.t.Helper()
	for key := range n {
		s.put(key+1, value)
	}
}

func (s *fixture) wantRefused(key int64, want error) {
	s.t.Helper()
	if _, err := s.Put(s.t.Context(), key, 1); !errors.Is(err, want) || problem.CodeOf(err) != problem.Unavailable {
		s.t.Errorf("put under %d: error %v, want %v", key, err, want)
	}
}

func (s *fixture) flush() { s.t.Helper(); s.flushTo(s.store) }

func (s *fixture) flushTo(store writes.StoreBatch[int64, int64]) {
	s.t.Helper()
	if err := s.Flush(s.t.Context(), store); err != nil {
		s.t.Errorf("flush: %v", err)
	}
}

func (s *fixture) retry() { s.t.Helper(); s.retryTo(s.store) }

func (s *fixture) retryTo(store writes.StoreBatch[int64, int64]) {
	s.t.Helper()
	if err := s.RetryDeadLetters(s.t.Context(), store); err != nil {
		s.t.Errorf("retry: %v", err)
	}
}

func (s *fixture) wantWaiting(pending, dead int) {
	s.t.Helper()
	s.wantMetrics(map[string]float64{"pending": float64(pending), "dead_letters": float64(dead)})
}

func (s *fixture) wantStored(key, want int64) {
	s.t.Helper()
	if got := s.number("SELECT coalesce((SELECT value FROM kv WHERE key = $1), -1)", key); got != want {
		s.t.Errorf("%d is stored under %d, want %d", got, key, want)
	}
}

func (s *fixture) wantInvalidated(keys ...int64) {
	s.t.Helper()
	if !slices.Equal(s.invalidated, keys) {
		s.t.Errorf("invalidated are %v, want %v", s.invalidated, keys)
	}
	s.invalidated = nil
}

func (s *fixture) wantLogged(text string) {
	s.t.Helper()
	if n := bytes.Count(s.log.Bytes(), []byte(text)); n != 1 {
		s.t.Errorf("the log says %q %d times: %s", text, n, &s.log)
	}
}

// wantMetrics compares values by the end of their names, and by their outcome.
func (s *fixture) wantMetrics(want map[string]float64) {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "prefab_write_behind_")
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					name += " " + label.GetValue()
				}
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, value := range want {
		if got[name] != value {
			s.t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}

func (s *fixture) number(query string, args ...any) (n int64) {
	s.t.Helper()
	if err := s.table.GetContext(s.t.Context(), &n, query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// refuse makes the table refuse a value, and accept drops that again.
func (s *fixture) refuse(value string) {
	s.table.MustExec("ALTER TABLE kv ADD CONSTRAINT no_" + value + " CHECK (value <> " + value + ") NOT VALID")
}

func (s *fixture) accept(value string) {
	s.table.MustExec("ALTER TABLE kv DROP CONSTRAINT no_" + value)
}

// inAnHour is a version that Redis' clock has not reached.
func inAnHour() int64 { return time.Now().Add(time.Hour).UnixMicro() }
