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

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
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
type Hasher struct{ running *semaphore.Weighted }

// NewHasher returns a hasher that runs at most concurrency hashes at a time.
func NewHasher(concurrency int) *Hasher {
	return &Hasher{semaphore.NewWeighted(int64(concurrency))}
}

// Hash returns the password's argon2id hash in the PHC string format.
func (p *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := p.running.Acquire(ctx, 1); err != nil {
		return "", fmt.Errorf("wait to hash a password: %w", err)
	}
	defer p.running.Release(1)
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
	if hash == "" {
		_, err := p.Hash(ctx, password)
		return false, err
	}
	if err := p.running.Acquire(ctx, 1); err != nil {
		return false, fmt.Errorf("wait to compare a password: %w", err)
	}
	defer p.running.Release(1)
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("compare a password: %w", err)
	}
	return match, nil
}
