package migrations_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrations"
)

// migrationFiles are files of pairs of name and text.
func migrationFiles(pairs ...string) fstest.MapFS {
	files := make(fstest.MapFS)
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return files
}

const (
	first  = "-- +goose Up\nCREATE TABLE a (n int);\n-- +goose Down\nDROP TABLE a;\n"
	second = "-- +goose Up\nCREATE TABLE b (n int); -- counts\n-- +goose Down\nDROP TABLE b;\n"
)

func TestUp_RefusesMigrationsThatWereChangedAfterTheyWereApplied(t *testing.T) {
	for name, test := range map[string]struct {
		second, text string
		refused      bool
	}{
		"the same":                    {"00002_b.sql", second, false},
		"another name":                {"00002_bees.sql", second, false},
		"other lines of comments":     {"00002_b.sql", "-- Bees.\n" + strings.ReplaceAll(second, "TABLE b", "TABLE\t b"), false},
		"a text after two dashes":     {"00002_b.sql", strings.ReplaceAll(second, "-- counts", "-- cows"), true},
		"line ends of Windows":        {"00002_b.sql", strings.ReplaceAll(second, "\n", "\r\n"), false},
		"another way down":            {"00002_b.sql", strings.ReplaceAll(second, "DROP TABLE b", "DROP TABLE IF EXISTS b"), false},
		"other statements":            {"00002_b.sql", strings.ReplaceAll(second, "n int", "n bigint"), true},
		"other statements and a name": {"00002_own.sql", strings.ReplaceAll(second, " b", " own"), true},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, devtest.EmptyDatabase(t))
			o, _ := options()
			if err := migrations.UpFrom(t.Context(), db, migrationFiles("00001_a.sql", first, "00002_b.sql", second), o); err != nil {
				t.Fatal(err)
			}
			third := "-- +goose Up\nCREATE TABLE c (n int);"
			err := migrations.UpFrom(t.Context(), db,
				migrationFiles("00001_a.sql", first, test.second, test.text, "00003_c.sql", third), o)
			if !test.refused {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.second+" has other statements than 00002_b.sql") ||
				strings.Contains(err.Error(), "00001") {
				t.Errorf("got %v", err)
			}
			if made := strings.Join(schema(t, db), "\n"); strings.Contains(made, "relation c ") {
				t.Errorf("it has applied what comes after:\n%s", made)
			}
		})
	}
}

func TestUp_TakesOverADatabaseThatHasNoSums(t *testing.T) {
	db := open(t, devtest.EmptyDatabase(t))
	o, _ := options()
	old := migrationFiles("00001_a.sql", first)
	for _, step := range []func() error{
		func() error { return migrations.UpFrom(t.Context(), db, old, o) },
		func() error {
			_, err := db.Exec("ALTER TABLE goose_db_version DROP COLUMN name, DROP COLUMN sum") // as goose makes it
			return err
		},
		func() error {
			return migrations.UpFrom(t.Context(), db, migrationFiles("00001_a.sql", first, "00002_b.sql", second), o)
		},
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	err := migrations.UpFrom(t.Context(), db, migrationFiles("00001_own.sql", second), o)
	if err == nil || !strings.Contains(err.Error(), "00001_own.sql has other statements than 00001_a.sql") {
		t.Errorf("got %v", err)
	}
}

func TestList_ChangesNothing(t *testing.T) {
	o, _ := options()
	for name, prepare := range map[string]string{
		"an empty database": "",
		"one of goose alone": "CREATE TABLE goose_db_version (id serial, version_id bigint, is_applied bool, tstamp timestamp DEFAULT now());" +
			"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)",
	} {
		db := open(t, devtest.EmptyDatabase(t))
		if _, err := db.Exec(prepare); err != nil {
			t.Fatal(err)
		}
		before := schema(t, db)
		list, err := migrations.List(t.Context(), db, o)
		if err != nil || len(list) < 2 || list[0].AppliedAt.IsZero() != (prepare == "") || !list[1].AppliedAt.IsZero() {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		if after := schema(t, db); !slices.Equal(before, after) {
			t.Errorf("%s: %v is now %v", name, before, after)
		}
	}
}

func TestMigrations_OfANewerProgramAreNamed(t *testing.T) {
	db := open(t, devtest.Database(t))
	_, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied, name, sum) VALUES (99999, true, '99999_new.sql', '')")
	if err != nil {
		t.Fatal(err)
	}
	o, logged := options()
	all := list(t, db)
	newest := all[len(all)-1]
	if newest.String() != "99999_new.sql" || newest.Name != "" || newest.AppliedAt.IsZero() {
		t.Errorf("the list ends with %+v", newest)
	}
	if err := migrations.Up(t.Context(), db, o); err != nil {
		t.Fatal(err)
	}
	program := "program=" + all[len(all)-2].Name
	if said := logged.String(); !strings.Contains(said, "schema=99999_new.sql") || !strings.Contains(said, program) {
		t.Errorf("it does not name both versions: %s", said)
	}
	if err := migrations.Down(t.Context(), db, o); err == nil || !strings.Contains(err.Error(), "lacks 99999_new.sql") {
		t.Errorf("down says %v", err)
	}
}
