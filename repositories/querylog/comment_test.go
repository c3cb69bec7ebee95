package querylog_test

import (
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/tracing"
)

// The server sees the comment; logs and metrics have the statement as it was written.
func TestComments_TellTheServerOfTheTrace(t *testing.T) {
	var seen events
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Comments: true, Observe: seen.observe})
	const query = "-- name: activity\nSELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND $1"
	trace := &tracing.Trace{ID: tracing.NewID(), Route: "GET /lamps/:id '*/ DROP"}
	for _, c := range []struct {
		trace *tracing.Trace
		want  string
	}{
		{trace, ` /\*route='GET%20%2Flamps%2F%3Aid%20%27%2A%2F%20DROP',traceparent='00-` + trace.ID + `-[0-9a-f]{16}-00'\*/`},
		{&tracing.Trace{Route: "job prune"}, ` /\*route='job%20prune'\*/`},
		{new(tracing.Trace), ""},
		{nil, ""},
	} {
		var got string
		if err := db.QueryRowContext(tracing.With(t.Context(), c.trace), query, true).Scan(&got); err != nil {
			t.Fatal(err)
		}
		comment, found := strings.CutPrefix(got, query)
		if !found || !regexp.MustCompile("^"+c.want+"$").MatchString(comment) {
			t.Errorf("the server has %q, want the comment %s", got, c.want)
		}
	}
	for _, e := range seen.take() {
		if e.Query != query || e.Name != "activity" {
			t.Errorf("observed is %+v", e)
		}
	}
	if n := trace.Queries(); n != 1 {
		t.Errorf("%d queries are counted", n)
	}
	if n := prepared(t, db); n != 0 {
		t.Errorf("%d statements are prepared", n)
	}
}
