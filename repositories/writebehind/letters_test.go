package writebehind_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/deadletter"
)

// keysOf returns the keys of the dead letters, at most limit, without their versions.
func (s *fixture) keysOf(limit int) string {
	s.t.Helper()
	letters, err := s.DeadLetters(s.t.Context(), limit)
	if err != nil {
		s.t.Error(err)
	}
	var keys []string
	for _, l := range letters {
		key, _, _ := strings.Cut(l.Key, "@")
		keys = append(keys, key)
	}
	return strings.Join(keys, " ")
}

// letterOf returns the whole key of the dead letter of a key.
func (s *fixture) letterOf(key string) string {
	s.t.Helper()
	letters, err := s.DeadLetters(s.t.Context(), 10)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range letters {
		if strings.HasPrefix(l.Key, key+"@") {
			return l.Key
		}
	}
	s.t.Fatalf("there is no dead letter of %s", key)
	return ""
}

// deadLetter has the store refuse a write, and returns the key of its dead letter.
func (s *fixture) deadLetter(key, value int64) string {
	s.t.Helper()
	s.refuse(strconv.FormatInt(value, 10))
	s.put(key, value)
	s.flush()
	return s.letterOf(strconv.FormatInt(key, 10))
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
	third := s.letterOf("3")
	for range 2 {
		if err := s.RetryDeadLetter(t.Context(), third); err != nil {
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
	if err := s.RetryDeadLetter(t.Context(), third); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("the letter is stored, and to retry it gives %v", err)
	}
}

// Each order of a newer write and a retry ends with the newer write.
func TestRetryDeadLetter_LosesToANewerWrite(t *testing.T) {
	for _, before := range []bool{true, false} {
		s := newFixture(t)
		letter := s.deadLetter(1, 13)
		s.accept("13")
		if before {
			s.put(1, 14)
		}
		if err := s.RetryDeadLetter(t.Context(), letter); before != errors.Is(err, deadletter.ErrNone) || !before && err != nil {
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
	letter := s.letterOf("1")
	if err := s.DiscardDeadLetter(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	s.wantLogged("discarded")
	s.wantLogged("key=" + letter)
	if err := s.DiscardDeadLetter(t.Context(), letter); !errors.Is(err, deadletter.ErrNone) {
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
	letter := s.deadLetter(1, 13)
	s.put(1, 14)
	if err := s.DiscardDeadLetter(t.Context(), letter); !errors.Is(err, deadletter.ErrNone) {
		t.Errorf("the error is %v", err)
	}
	s.wantWaiting(1, 0)
	s.flush()
	s.wantStored(1, 14)
}

// The operator has seen the letter of one write, and not that of the newer write.
func TestDiscardDeadLetter_LeavesTheLetterOfANewerWrite(t *testing.T) {
	s := newFixture(t)
	letter := s.deadLetter(1, 13)
	s.refuse("14")
	s.put(1, 14)
	s.flush()
	for what, do := range map[string]func(context.Context, string) error{"discard": s.DiscardDeadLetter, "retry": s.RetryDeadLetter} {
		for _, key := range []string{letter, "1", "1@", "@", ""} {
			if err := do(t.Context(), key); !errors.Is(err, deadletter.ErrNone) {
				t.Errorf("%s of %q: the error is %v", what, key, err)
			}
		}
	}
	s.accept("14")
	s.retry()
	s.wantStored(1, 14)
}

// What is no entry has no version, and can be discarded all the same.
func TestDiscardDeadLetter_TakesWhatIsNoEntry(t *testing.T) {
	s := newFixture(t)
	s.client.HSet(t.Context(), prefix+"dead", "1", "broken")
	s.client.ZAdd(t.Context(), prefix+"tried", redis.Z{Score: 1, Member: "1"})
	if err := s.DiscardDeadLetter(t.Context(), s.letterOf("1")); err != nil {
		t.Error(err)
	}
	s.wantWaiting(0, 0)
}
