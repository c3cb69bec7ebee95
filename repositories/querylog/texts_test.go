package querylog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"example.com/prefab/repositories/querylog"
)

func TestTexts_KeepTheFirstTextOfEachName(t *testing.T) {
	var texts querylog.Texts
	if n := len(texts.All()); n != 0 {
		t.Fatalf("%d are kept before the first", n)
	}
	for _, query := range []string{"-- name: lamps.get\nSELECT 1", "-- name: lamps.get\nSELECT 2", "SELECT 3"} {
		name := "lamps.get"
		if !strings.HasPrefix(query, "--") {
			name = "select"
		}
		texts.Observe(context.Background(), querylog.Event{Name: name, Query: query})
	}
	if all := texts.All(); len(all) != 1 || all["lamps.get"] != "-- name: lamps.get\nSELECT 1" {
		t.Errorf("kept are %q", all)
	}
	if n := testing.AllocsPerRun(100, func() {
		texts.Observe(context.Background(), querylog.Event{Name: "lamps.get", Query: "-- name: lamps.get\nSELECT 2"})
		texts.Observe(context.Background(), querylog.Event{Name: "select", Query: "SELECT 3"})
	}); n > 0 {
		t.Errorf("known statements take %v allocations", n)
	}
}

func TestTexts_AreBounded(t *testing.T) {
	var texts querylog.Texts
	for i := range 1000 {
		name := fmt.Sprint("lamps.", i)
		texts.Observe(context.Background(), querylog.Event{
			Name: name, Query: "-- name: " + name + "\nSELECT " + strings.Repeat("1+", 10_000),
		})
	}
	all := texts.All()
	if len(all) != 300 {
		t.Errorf("%d are kept", len(all))
	}
	for _, text := range all {
		if len(text) > 8<<10+len("…") || !strings.HasSuffix(text, "…") {
			t.Fatalf("a text has %d bytes and ends with %q", len(text), text[len(text)-5:])
		}
	}
}
