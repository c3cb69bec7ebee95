package repositories_test

import (
	"database/sql"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/migrations"
	"example.com/prefab/repositories/querylog"
)

func TestMigrationsUp_BehindPgBouncerSeveralApplyOnce(t *testing.T) {
	through := devtest.PgBouncer(t, devtest.EmptyDatabase(t))
	errs := atOnce(6, func(int) error {
		db, err := sql.Open("postgres", through+"&binary_parameters=yes")
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return migrations.Up(t.Context(), db, migrations.Options{Patience: time.Minute, Log: slog.New(slog.DiscardHandler)})
	})
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	db := open(t, through, false)
	if n := get[int](t, db, "SELECT count(*) FROM goose_db_version WHERE version_id = 1"); n != 1 {
		t.Errorf("the first migration was applied %d times", n)
	}
}

// logLines gets each line that is logged.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestExplainer_BehindPgBouncerPlansAndLeavesNothing(t *testing.T) {
	direct := devtest.Database(t)
	lines := make(logLines, 16)
	explainer := querylog.NewExplainer(slog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	db := open(t, devtest.PgBouncer(t, direct), false)
	explainer.Use(db.DB)
	defer explainer.Close()
	explainer.Explain(t.Context(), querylog.Event{Name: "a", Query: "SELECT name FROM products WHERE id = $1"})
	if line := <-lines; !strings.Contains(line, "slow query plan") || !strings.Contains(line, "id = $1") {
		t.Errorf("logged: %s", line)
	}
	for range 2 * devtest.PgBouncerPool { // whichever of the server's connections is given
		if n := get[int](t, db, "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'prefab%'"); n != 0 {
			t.Errorf("%d statements stay prepared", n)
		}
	}
}
