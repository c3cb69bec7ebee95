package tracing_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/prefab/services/tracing"
)

func TestEvents_KeepTheFirstOfEachKind(t *testing.T) {
	trace := new(tracing.Trace)
	trace.KeepEvents()
	events := trace.Events()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 30 {
				events.AddStatement(tracing.Statement{Duration: time.Second})
				events.AddLookup(tracing.Lookup{Table: "lamp"})
				_ = events.Kept()
			}
		})
	}
	all.Wait()
	events.AddLine(tracing.Line{Message: "one"})
	kept := events.Kept()
	if len(kept.Statements.List) != 100 || kept.Statements.More != 20 || kept.Statements.Count() != 120 || kept.SQLTime != 2*time.Minute {
		t.Errorf("of 120 statements it keeps %d, counts %d, and their time is %v", len(kept.Statements.List), kept.Statements.Count(), kept.SQLTime)
	}
	if kept.Lookups.Count() != 120 || kept.Lookups.List[0].Table != "lamp" || kept.Lines.Count() != 1 {
		t.Errorf("it counts %d look-ups and %d lines", kept.Lookups.Count(), kept.Lines.Count())
	}
	events.AddLine(tracing.Line{Message: "two"})
	if kept.Lines.Count() != 1 || events.Kept().Lines.List[1].Message != "two" {
		t.Error("what was returned has changed, or what came after it is missing")
	}
}

func TestEvents_KeepShortTexts(t *testing.T) {
	trace := new(tracing.Trace)
	trace.KeepEvents()
	long := strings.Repeat("ab", 1023) + "€" + strings.Repeat("c", 5000) // cut within the sign
	trace.Events().AddStatement(tracing.Statement{Query: long})
	trace.Events().AddLine(tracing.Line{Message: long, Attrs: long})
	kept := trace.Events().Kept()
	line := kept.Lines.List[0]
	for _, text := range []string{kept.Statements.List[0].Query, line.Message, line.Attrs} {
		if want := strings.Repeat("ab", 1023) + "…"; text != want {
			t.Errorf("kept are %d bytes, %q", len(text), fmt.Sprintf("%.9s", text[2040:]))
		}
	}
}

func TestEvents_CostNothingWhenOff(t *testing.T) {
	for _, trace := range []*tracing.Trace{nil, {ID: tracing.NewID()}} {
		if n := testing.AllocsPerRun(100, func() {
			trace.Events().AddStatement(tracing.Statement{Name: "lamps.get"})
			trace.Events().AddLookup(tracing.Lookup{Table: "lamp"})
			trace.Events().AddLine(tracing.Line{Message: "on"})
		}); n > 0 || trace.Events().Kept().Statements.Count() > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
