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

func TestPasswords_WaitWhileTooManyRunButNoLongerThanTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewHasher(1)
		if err := p.running.Acquire(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if ok, err := p.Matches(t.Context(), strings.Repeat("a", 801), "x"); ok || err != nil {
			t.Errorf("an overlong one is refused without work: match %v, error %v", ok, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, hashing := p.Hash(ctx, "a")
		ok, matching := p.Matches(ctx, "a", "x")
		absent, missing := p.Matches(ctx, "a", "")
		for _, err := range []error{hashing, matching, missing} {
			if ok || absent || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, match %v and %v", err, ok, absent)
			}
		}
		p.running.Release(1)
		hashed(t, p, "a") // nobody is left waiting
	})
}
