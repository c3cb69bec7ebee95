package transaction_test

import (
	"slices"
	"testing"
	"time"

	"example.com/prefab/services/transaction"
)

func TestTransaction_CallsBackOnceAfterItsEnd(t *testing.T) {
	ctx, begun := transaction.Begin(t.Context(), time.Now().Add(time.Minute))
	if transaction.From(ctx) != begun {
		t.Fatal("the context does not carry the transaction")
	}
	var told []transaction.Outcome
	for range 2 {
		if !begun.AfterEnd(func(o transaction.Outcome) { told = append(told, o) }) {
			t.Error("a running transaction takes no call")
		}
	}
	if told != nil {
		t.Errorf("before the end it tells %v", told)
	}
	begun.End(transaction.Committed)
	begun.End(transaction.RolledBack)
	if !slices.Equal(told, []transaction.Outcome{transaction.Committed, transaction.Committed}) {
		t.Errorf("it tells %v", told)
	}
	if begun.AfterEnd(func(transaction.Outcome) { t.Error("a call after the end") }) {
		t.Error("an ended transaction takes a call")
	}
}

func TestTransaction_IsRepeatableUntilSomethingElseHappens(t *testing.T) {
	_, begun := transaction.Begin(t.Context(), time.Time{})
	if !begun.Repeatable() {
		t.Error("a new one is not repeatable")
	}
	if begun.MarkExternal(); begun.Repeatable() {
		t.Error("the mark is lost")
	}
}

func TestTransaction_NoneIsAValidOne(t *testing.T) {
	none := transaction.From(t.Context())
	none.MarkExternal()
	_, bounded := none.Deadline()
	if none != nil || bounded || none.Repeatable() || none.AfterEnd(func(transaction.Outcome) {}) {
		t.Error("without a transaction there seems to be one")
	}
}
