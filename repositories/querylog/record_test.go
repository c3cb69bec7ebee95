package querylog_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/repositories/querylog"
)

func TestRecord_KeepsTheStatementsOfARequestWithoutTheirValues(t *testing.T) {
	db := open(t, querylog.Options{DSN: emptyDatabase(t), Prepared: true, Observe: querylog.Record})
	ctx, trace := traced()
	_, _ = read(ctx, db, "SELECT 0") // before it keeps events
	_, _ = read(t.Context(), db, "SELECT 0")
	trace.KeepEvents()
	const query = "-- name: things.find\nSELECT $1::text, $2::int"
	_, _ = read(ctx, db, query, "hunter2", 7)
	_, _ = read(ctx, db, query, "hunter2", "seven")
	kept := trace.Events().Kept().Statements.List
	if len(kept) != 2 || strings.Contains(fmt.Sprint(kept), "hunter2") {
		t.Fatalf("kept is %+v", kept)
	}
	good, bad := kept[0], kept[1]
	if good.Name != "things.find" || good.Query != query || good.Args != 2 || good.Rows != 1 || good.Outcome != "ok" || bad.Outcome != "error" {
		t.Errorf("kept is %+v", kept)
	}
	if good.Duration <= 0 || bad.Start.Before(good.Start.Add(good.Duration)) {
		t.Errorf("the second begins before the first has ended: %+v", kept)
	}
}
