package invalidations_test

import (
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache/invalidations"
	"example.com/prefab/repositories/postgres"
)

// TestMain gives each database the table cache_invalidations.
func TestMain(m *testing.M) {
	const migration = "00002_cache_invalidations.sql"
	text, err := os.ReadFile("../../migrations/" + migration)
	if err != nil {
		panic(err)
	}
	devtest.Main(m, fstest.MapFS{migration: {Data: text}})
}

// What the cache makes of records is tested in its package.
func TestInvalidations_AreRecordedForAWhile(t *testing.T) {
	for name, c := range map[string]struct {
		url      string
		prepared bool
	}{
		"prepared":   {devtest.Database(t), true},
		"unprepared": {devtest.Database(t), false},
		"pgbouncer":  {devtest.PgBouncer(t, devtest.Database(t)), false},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(postgres.Options{URL: c.url, MaxConns: 4, Prepared: c.prepared})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			testRecords(t, db)
		})
	}
}

func testRecords(t *testing.T, db *sqlx.DB) {
	store := invalidations.New(db)
	record := func(lasts time.Duration, tags ...string) {
		t.Helper()
		if err := store.Record(t.Context(), tags, lasts); err != nil {
			t.Fatal(err)
		}
	}
	record(0, "a")
	record(time.Hour, "b", `quote " comma , brace }`, "")
	all, err := store.Recorded(t.Context(), time.Minute, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("recorded are %+v, %v", all, err)
	}
	if !slices.Equal(all[0].Tags, []string{"b", `quote " comma , brace }`, ""}) || !slices.Equal(all[1].Tags, []string{"a"}) {
		t.Errorf("the tags are %q and %q", all[0].Tags, all[1].Tags)
	}
	if all[0].Lasts < 59*time.Minute || all[0].Lasts > time.Hour || all[1].Lasts != 0 {
		t.Errorf("they last %v and %v", all[0].Lasts, all[1].Lasts)
	}
	if first, err := store.Recorded(t.Context(), time.Minute, 1); err != nil || len(first) != 1 || first[0].ID != all[0].ID {
		t.Errorf("the first one is %+v, %v", first, err)
	}

	db.MustExecContext(t.Context(), "UPDATE cache_invalidations SET created_at = created_at - interval '2 minutes'")
	if late, err := store.Recorded(t.Context(), time.Minute, 10); err != nil || len(late) > 0 {
		t.Errorf("of the last minute are %+v, %v", late, err)
	}
	record(0, "c") // takes the first one away; the second may still be written
	var left int
	if err := db.GetContext(t.Context(), &left, "SELECT count(*) FROM cache_invalidations"); err != nil || left != 2 {
		t.Errorf("%d rows are left, %v", left, err)
	}
}
