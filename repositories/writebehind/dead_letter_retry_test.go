package writebehind_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"example.com/prefab/services"
	"example.com/prefab/services/writes"
)

func TestDeadLetters_AreTriedAgainHoweverManyInBatchesOrderedByKey(t *testing.T) {
	var log bytes.Buffer
	s := newShelf(t, 400, batchesOf(50), func(o *stockOptions) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	s.exec(refuse13)
	for key := range int64(400) {
		s.put(key+1, 13)
	}
	s.flush()
	s.waits(0, 400)
	if text := log.String(); !strings.Contains(text, "dead letters") || !strings.Contains(text, "buffer=stock") {
		t.Errorf("the log says %q", text)
	}
	if some, err := s.DeadLetters(t.Context(), 50); err != nil || len(some) < 50 || len(some) > 200 {
		t.Errorf("about 50 letters are %d, %v", len(some), err)
	}
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	s.batches, s.changed = nil, nil
	for range 400 / 50 { // runs of the job, whether or not one does more than a batch
		if err := s.RetryDeadLetters(t.Context(), s.store); err != nil {
			t.Error(err)
		}
	}
	s.waits(0, 0)
	for _, batch := range s.batches {
		if !slices.IsSortedFunc(batch, func(a, b services.StockWrite) int { return int(a.Key - b.Key) }) {
			t.Error("a batch is not ordered by its keys")
		}
	}
	slices.Sort(s.changed)
	if told := len(slices.Compact(s.changed)); told != 400 {
		t.Errorf("caches were told of %d keys", told)
	}
}

// A letter that is written while the one before it is tried has a value of its own.
func TestDeadLetters_WrittenDuringARetryStay(t *testing.T) {
	s := newShelf(t, 1)
	s.exec(refuse13)
	s.put(1, 13)
	s.flush()
	s.exec("ALTER TABLE stock DROP CONSTRAINT no_13")
	err := s.RetryDeadLetters(t.Context(), func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		refused, err := s.store(ctx, batch)
		s.exec("ALTER TABLE stock ADD CONSTRAINT no_14 CHECK (quantity <> 14)")
		s.put(1, 14)
		s.flush()
		return refused, err
	})
	if err != nil {
		t.Error(err)
	}
	s.waits(0, 1)
	letters, err := s.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 1 || fmt.Sprint(letters[0].Value) != "14" {
		t.Errorf("got %+v, %v", letters, err)
	}
}

func TestDeadLetters_KeepLittleOfALongError(t *testing.T) {
	s := newShelf(t, 1)
	s.exec(refuse13)
	s.put(1, 13)
	err := s.Flush(t.Context(), func(ctx context.Context, batch []services.StockWrite) (writes.Refused[int64], error) {
		refused, err := s.store(ctx, batch)
		return refused, &longError{err}
	})
	if err != nil {
		t.Error(err)
	}
	letters, err := s.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 1 || len(letters[0].Error) != 300 {
		t.Errorf("got %+v, %v", letters, err)
	}
}

type longError struct{ error }

func (e *longError) Error() string { return strings.Repeat(e.error.Error(), 100) }
func (e *longError) Unwrap() error { return e.error }
