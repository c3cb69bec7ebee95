package repositories_test

import (
	"log/slog"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/querylog"
)

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
