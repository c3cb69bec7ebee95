package dev

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/prefab/services/tracing"
)

const ms = time.Millisecond

var began = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// recorded is a request of 100 ms that has these events.
func recorded(all ...any) summary {
	trace := new(tracing.Trace)
	trace.KeepEvents()
	for _, e := range all {
		switch e := e.(type) {
		case tracing.Statement:
			trace.Events().AddStatement(e)
		case tracing.Lookup:
			trace.Events().AddLookup(e)
		case tracing.Line:
			trace.Events().AddLine(e)
		}
	}
	return summarize(&record{Start: began, Duration: 100 * ms, events: trace.Events()})
}

func TestSummarize_NamesStatementsThatWereSentManyTimes(t *testing.T) {
	var events []any
	for text, times := range map[string]int{"SELECT twice": 2, "SELECT thrice": 3, "COMMIT": 5} {
		for range times {
			events = append(events, tracing.Statement{Name: strings.ToLower(text), Query: text, Duration: time.Second})
		}
	}
	got := recorded(events...).Repeated
	if len(got) != 1 || *got[0] != (repeat{"select thrice", "SELECT thrice", 3, 3 * time.Second}) {
		t.Errorf("%+v", got)
	}
}

func TestTimeline_OrdersEventsByTheirBeginnings(t *testing.T) {
	statement := tracing.Statement{Name: "a", Outcome: "ok", Start: began.Add(50 * ms), Duration: 25 * ms}
	ofStream := tracing.Statement{Name: "b", Outcome: "cancelled", Start: began.Add(150 * ms), Duration: 50 * ms}
	line := tracing.Line{Level: slog.LevelWarn, Message: "hot", Time: began.Add(20 * ms)}
	lookup := tracing.Lookup{Table: "lamp", Found: "miss", Start: began, Duration: 10 * ms}
	for want, s := range map[string]summary{
		"cache lamp 0+100, log WARN 200+4 warns, sql a 500+250": recorded(statement, line, lookup),
		"sql a 250+125, sql b 750+250 warns":                    recorded(statement, ofStream),
		"":                                                      recorded(),
	} {
		var got []string
		for _, e := range s.timeline() {
			row := fmt.Sprintf("%s %s %d+%d", e.Kind, e.Name, e.X, e.Width)
			if e.Warns {
				row += " warns"
			}
			got = append(got, row)
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if e := recorded(ofStream).timeline()[0]; e.After != 150*ms {
		t.Errorf("it began %v after the request", e.After)
	}
	instant := tracing.Lookup{Start: began}
	nothing := recorded(instant)
	nothing.Duration = 0
	if got := nothing.timeline(); got[0].X != 0 {
		t.Errorf("of a request that took no time it tells %+v", got)
	}
}
