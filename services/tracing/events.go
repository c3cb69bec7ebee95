package tracing

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Limits of what is kept of one call: a loop may send any number of statements.
const (
	maxEvents = 100     // of each kind
	maxText   = 2 << 10 // bytes
)

// Statement is one SQL statement that a call has sent. Its arguments are not kept.
type Statement struct {
	Name, Query, Outcome string
	Args                 int // how many arguments it had
	Rows                 int64
	Start                time.Time
	Duration             time.Duration
}

// Lookup is one look-up in the cache. Its key is not kept.
type Lookup struct {
	Table, Found string // Found is memory, redis, miss, stale or error
	Start        time.Time
	Duration     time.Duration // without the load after a miss
}

// Line is one line that the call has written to the log.
type Line struct {
	Time           time.Time
	Level          slog.Level
	Message, Attrs string
}

// First are the first of many.
type First[T any] struct {
	List []T
	More int // how many were not kept
}

// Count is how many there were.
func (f First[T]) Count() int { return len(f.List) + f.More }

func (f *First[T]) add(one T) {
	if len(f.List) == maxEvents {
		f.More++
		return
	}
	f.List = append(f.List, one)
}

// Kept is what Events have kept so far, each kind in the order of the ends.
type Kept struct {
	Statements First[Statement]
	Lookups    First[Lookup]
	Lines      First[Line]
	SQLTime    time.Duration // of all statements
}

// Events are what happened during one call, for development. A nil Events is valid and keeps
// nothing: that is what production has.
type Events struct {
	mu   sync.Mutex
	kept Kept
}

// KeepEvents keeps the events of the call. Call it before other goroutines have t.
func (t *Trace) KeepEvents() { t.events = new(Events) }

// Events returns the Events of the call, or nil.
func (t *Trace) Events() *Events {
	if t == nil {
		return nil
	}
	return t.events
}

// AddStatement keeps a statement that has ended.
func (e *Events) AddStatement(s Statement) {
	e.locked(func(k *Kept) {
		s.Query = cut(s.Query)
		k.SQLTime += s.Duration
		k.Statements.add(s)
	})
}

// AddLookup keeps a look-up that has ended.
func (e *Events) AddLookup(l Lookup) { e.locked(func(k *Kept) { k.Lookups.add(l) }) }

// AddLine keeps a line of the log.
func (e *Events) AddLine(l Line) {
	l.Message, l.Attrs = cut(l.Message), cut(l.Attrs)
	e.locked(func(k *Kept) { k.Lines.add(l) })
}

// Kept returns what was kept so far. A stream goes on after its handler.
func (e *Events) Kept() (kept Kept) {
	e.locked(func(k *Kept) { kept = *k }) // what is in the lists does not change any more
	return kept
}

func (e *Events) locked(do func(*Kept)) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	do(&e.kept)
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}
