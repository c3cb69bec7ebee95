// Package passwords hashes passwords with argon2id. It promises that hashing does not
// exhaust CPU and memory, however many users sign in at once, and that an absent user takes
// as long as a wrong password.
//
//	hasher := passwords.NewHasher(2) // at a time
//	hash, err := hasher.Hash(ctx, password)
//	…
//	ok, err := hasher.Matches(ctx, password, hash) // hash "" for an absent user
package passwords

import (
	"context"
	"fmt"
	"sync"

	"github.com/alexedwards/argon2id"
)

// MinLength is the shortest password that a new user may have, in characters.
const MinLength = 12

// MaxLength is the longest, in characters: a longer one only costs time to hash.
const MaxLength = 200

// argon2id with OWASP's first choice for servers: 19 MiB, two passes, one lane.
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hasher hashes passwords. Hashing is slow and takes memory on purpose, so only a few
// hashes run at a time; others wait as long as their context allows.
type Hasher struct {
	running chan struct{}
	decoy   func() (string, error) // a hash to compare with for an absent user
}

// NewHasher returns a hasher that runs at most concurrency hashes at a time.
func NewHasher(concurrency int) *Hasher {
	return &Hasher{
		running: make(chan struct{}, concurrency),
		decoy:   sync.OnceValues(func() (string, error) { return argon2id.CreateHash("", passwordCost) }),
	}
}

// Hash returns the password's argon2id hash in the PHC string format.
func (p *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	defer p.release()
	hash, err := argon2id.CreateHash(password, passwordCost)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Matches reports whether hash is the password's. An empty hash stands for a user who is
// absent or cannot sign in: Matches takes as long as for others, and returns false.
func (p *Hasher) Matches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > 4*MaxLength {
		return false, nil
	}
	if err := p.acquire(ctx); err != nil {
		return false, err
	}
	defer p.release()
	known := hash != ""
	if !known {
		var err error
		if hash, err = p.decoy(); err != nil {
			return false, fmt.Errorf("make the decoy hash: %w", err)
		}
	}
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return match && known, nil
}

func (p *Hasher) acquire(ctx context.Context) error {
	select {
	case p.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (p *Hasher) release() { <-p.running }
