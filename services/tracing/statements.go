package tracing

import (
	"context"
	"sync"
	"time"
)

// maxStatements bounds what a call keeps: a loop may send any number.
const maxStatements = 100

// Statement is one SQL statement that a call has sent. Its arguments are not kept.
type Statement struct {
	Name, Query, Outcome string
	Args                 int // how many arguments it had
	Rows                 int64
	Duration             time.Duration
}

// Statements are the first SQL statements of one call, for development. A nil Statements
// is valid and keeps none.
type Statements struct {
	mu   sync.Mutex
	list []Statement
	more int
}

type statementsKey struct{}

// KeepStatements returns a context in which the statements are kept.
func KeepStatements(ctx context.Context) context.Context {
	return context.WithValue(ctx, statementsKey{}, new(Statements))
}

// StatementsFrom returns the Statements that ctx carries, or nil.
func StatementsFrom(ctx context.Context) *Statements {
	s, _ := ctx.Value(statementsKey{}).(*Statements)
	return s
}

// Add keeps a statement, if there are not too many yet.
func (s *Statements) Add(one Statement) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == maxStatements {
		s.more++
		return
	}
	s.list = append(s.list, one)
}

// List returns the statements in the order of their ends, and how many more there were.
func (s *Statements) List() (list []Statement, more int) {
	if s == nil {
		return nil, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(list, s.list...), s.more
}
