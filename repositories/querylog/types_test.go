package querylog_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lib/pq"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

func TestSqlx_AllTypesInBothModes(t *testing.T) {
	type thing struct {
		ID    int64          `db:"id"`
		Label sql.NullString `db:"label"`
		Tags  pq.StringArray `db:"tags"`
		Raw   []byte         `db:"raw"`
		Made  time.Time      `db:"made"`
		Gone  *time.Time     `db:"gone"`
		Price float64        `db:"price"`
		On    bool           `db:"switched"`
		Extra string         `db:"extra"`
	}
	bothModes(t, func(t *testing.T, on bool) {
		var seen events
		ctx := context.Background()
		db := open(t, querylog.Options{DSN: devtest.EmptyDatabase(t), Prepared: on, Observe: seen.observe})
		mustExec(t, db, `CREATE TABLE things (id bigint PRIMARY KEY, label text, tags text[], raw bytea,
			made timestamptz, gone timestamptz, price float8, switched bool, extra jsonb)`)
		made := time.Date(2024, 2, 29, 12, 30, 15, 123456000, time.UTC)
		in := []thing{
			{1, sql.NullString{String: "it's \"one\" \\ ÿ", Valid: true}, pq.StringArray{"a", "b,c", `"`}, []byte{0, 1, 255}, made, &made, 1.5, true, `{"a": 1}`},
			{2, sql.NullString{}, pq.StringArray{}, nil, made.Add(time.Hour), nil, -0.25, false, "null"},
		}
		seen.take()
		for _, row := range in {
			_, err := db.NamedExecContext(ctx, `-- name:: things.add
				INSERT INTO things VALUES (:id, :label, :tags, :raw, :made, :gone, :price, :switched, :extra)`, row)
			if err != nil {
				t.Fatal(err)
			}
			if e := seen.one(t); e.Name != "things.add" {
				t.Errorf("named %q", e.Name)
			}
		}
		var out []thing
		if err := db.SelectContext(ctx, &out, "SELECT * FROM things WHERE id = ANY($1) ORDER BY id", pq.Array([]int64{1, 2, 3})); err != nil {
			t.Fatal(err)
		}
		if len(out) != 2 {
			t.Fatalf("%d rows", len(out))
		}
		for i, got := range out {
			want := in[i]
			if got.ID != want.ID || got.Label != want.Label || !slices.Equal(got.Tags, want.Tags) || !bytes.Equal(got.Raw, want.Raw) ||
				!got.Made.Equal(want.Made) || (got.Gone == nil) != (want.Gone == nil) || got.Price != want.Price || got.On != want.On || got.Extra != want.Extra {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		var one thing
		if err := db.GetContext(ctx, &one, "SELECT * FROM things WHERE raw = $1 AND made = $2", in[0].Raw, in[0].Made); err != nil || one.ID != 1 {
			t.Errorf("by bytea and timestamptz: %d, %v", one.ID, err)
		}
		if err := db.GetContext(ctx, &one, "SELECT * FROM things WHERE id = $1", 9); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("got %v, want no rows", err)
		}
	})
}

func TestTimes_ComeBackInUTC(t *testing.T) {
	dsn := devtest.EmptyDatabase(t)
	mustExec(t, open(t, querylog.Options{DSN: dsn}), `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database());
	END $$`)
	var noon time.Time
	err := open(t, querylog.Options{DSN: dsn}).GetContext(t.Context(), &noon, "SELECT '2026-01-02 12:00Z'::timestamptz")
	if err != nil {
		t.Fatal(err)
	}
	if got := noon.Format(time.RFC3339); got != "2026-01-02T12:00:00Z" {
		t.Errorf("noon in UTC comes back as %s", got)
	}
}
