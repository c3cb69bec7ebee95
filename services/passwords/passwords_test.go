package passwords

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func hashed(t *testing.T, p *Hasher, password string) string {
	t.Helper()
	hash, err := p.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestPasswords_AHashMatchesItsPasswordOnly(t *testing.T) {
	p := NewHasher(1)
	one, other := hashed(t, p, "correct horse 🐎"), hashed(t, p, "correct horse 🐎")
	if one == other || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashes %s and %s", one, other)
	}
	for _, c := range []struct {
		password, hash string
		want           bool
	}{
		{"correct horse 🐎", one, true},
		{"correct horse 🐎", other, true},
		{"Correct horse 🐎", one, false},
		{"correct horse 🐎 ", one, false},
		{"", one, false},
		{"", "", false},
		{"correct horse 🐎", "", false},
	} {
		if got, err := p.Matches(t.Context(), c.password, c.hash); got != c.want || err != nil {
			t.Errorf("%q with %q: %v, error %v", c.password, c.hash, got, err)
		}
	}
}

func TestPasswords_ABrokenHashIsAnErrorAndNoMatch(t *testing.T) {
	for _, hash := range []string{"x", "$argon2id$", "$2a$10$abcdefghijklmnopqrstuv", "$argon2id$v=1$m=8,t=1,p=1$AAAA$AAAA"} {
		if ok, err := NewHasher(1).Matches(t.Context(), "a", hash); ok || err == nil {
			t.Errorf("%q: match %v, error %v", hash, ok, err)
		}
	}
}

func TestPasswords_AnOverlongOneIsRefusedWithoutWork(t *testing.T) {
	p := full(1)
	if ok, err := p.Matches(t.Context(), strings.Repeat("a", 801), "x"); ok || err != nil {
		t.Errorf("match %v, error %v", ok, err)
	}
}

// full returns a hasher that is already at its bound.
func full(concurrency int) *Hasher {
	p := NewHasher(concurrency)
	for range concurrency {
		p.running <- struct{}{}
	}
	return p
}

func TestPasswords_NeverRunMoreThanTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, done := full(2), make(chan error, 4)
		for range 2 {
			go func() { _, err := p.Hash(t.Context(), "a"); done <- err }()
			go func() { _, err := p.Matches(t.Context(), "a", ""); done <- err }()
		}
		synctest.Wait()
		if len(done) != 0 {
			t.Errorf("%d have run beyond the bound", len(done))
		}
		p.release()
		synctest.Wait()
		if len(done) != 4 {
			t.Errorf("%d have run after one place was given up, want all 4 in turn", len(done))
		}
		for range len(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPasswords_WaitNoLongerThanTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := full(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, hashing := p.Hash(ctx, "a")
		ok, matching := p.Matches(ctx, "a", "")
		if ok || !errors.Is(hashing, context.DeadlineExceeded) || !errors.Is(matching, context.DeadlineExceeded) {
			t.Errorf("match %v, errors %v and %v", ok, hashing, matching)
		}
		p.release()
		hashed(t, p, "a") // who gave up has left the place free
	})
}
