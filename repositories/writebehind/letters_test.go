package writebehind_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/prefab/services/deadletter"
)

// keysOf returns the keys of the dead letters, at most limit.
func (s *fixture) keysOf(limit int) string {
	s.t.Helper()
	letters, err := s.DeadLetters(s.t.Context(), limit)
	if err != nil {
		s.t.Error(err)
	}
	var keys []string
	for _, l := range letters {
		keys = append(keys, l.Key)
	}
	return strings.Join(keys, " ")
}

func TestDeadLetters_AreListedTheLastTriedFirst(t *testing.T) {
	s := newFixture(t)
	if got := s.keysOf(10); got != "" {
		t.Errorf("there are %s before the first", got)
	}
	s.refuse("13")
	for key := range int64(3) {
		s.put(key+1, 13)
		s.flush()
	}
	if got := s.keysOf(2); got != "3 2" {
		t.Errorf("the first two are %q", got)
	}
	s.client.HSet(t.Context(), prefix+"dead", "1", strings.Repeat("é", 300))
	letters, err := s.DeadLetters(t.Context(), 10)
	if err != nil || len(letters) != 3 {
		t.Fatal(letters, err)
	}
	if l := letters[0]; l.About != "13" || !strings.Contains(l.Error, "no_13") || l.At.IsZero() {
		t.Errorf("a letter is %+v", l)
	}
	if s.Name() != "kv" {
		t.Errorf("the buffer has the name %q", s.Name())
	}
}

func TestRetryDeadLetter_TriesItFirst(t *testing.T) {
	s := newFixture(t, batchesOf(1))
	s.refuse("13")
	s.putAll(3, 13)
	s.flush()
	s.accept("13")
	for range 2 {
		if err := s.RetryDeadLetter(t.Context(), "3"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.RetryRequested()); n != 1 {
		t.Errorf("%d retries are requested", n)
	}
	s.wantWaiting(0, 3) // readers still see the store's value
	s.retry()
	s.wantStored(3, 13)
	s.wantStored(1, -1)
	s.wantWaiting(0, 2)
	if err := s.RetryDeadLetter(t.Context(), "3"); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("the letter is stored, and to retry it gives %v", err)
	}
}

// Each order of a newer write and a retry ends with the newer write.
func TestRetryDeadLetter_LosesToANewerWrite(t *testing.T) {
	for _, before := range []bool{true, false} {
		s := newFixture(t)
		s.refuse("13")
		s.put(1, 13)
		s.flush()
		s.accept("13")
		if before {
			s.put(1, 14)
		}
		if err := s.RetryDeadLetter(t.Context(), "1"); before != errors.Is(err, deadletter.ErrNone) || !before && err != nil {
			t.Errorf("newer write before: %t; error %v", before, err)
		}
		if !before {
			s.put(1, 14)
		}
		s.retry()
		s.flush()
		s.wantWaiting(0, 0)
		s.wantStored(1, 14)
	}
}

func TestDiscardDeadLetter_RemovesItAndLogsThat(t *testing.T) {
	s := newFixture(t)
	s.refuse("13")
	s.putAll(2, 13)
	s.flush()
	s.accept("13")
	if err := s.DiscardDeadLetter(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	s.wantLogged("discarded")
	s.wantLogged("key=1 version=1")
	if err := s.DiscardDeadLetter(t.Context(), "1"); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("the second time the error is %v", err)
	}
	s.wantWaiting(0, 1)
	s.retry()
	s.wantStored(1, -1)
	s.wantStored(2, 13)
	if n := s.client.Exists(t.Context(), prefix+"dead", prefix+"tried").Val(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// A discard of a letter that is gone must leave the newer write.
func TestDiscardDeadLetter_LeavesANewerWrite(t *testing.T) {
	s := newFixture(t)
	s.refuse("13")
	s.put(1, 13)
	s.flush()
	s.put(1, 14)
	if err := s.DiscardDeadLetter(t.Context(), "1"); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("the error is %v", err)
	}
	s.wantWaiting(1, 0)
	s.flush()
	s.wantStored(1, 14)
}
