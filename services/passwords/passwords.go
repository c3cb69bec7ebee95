// Package passwords hashes passwords by argon2id.
package passwords

import (
	"context"
	"fmt"
	"sync"

	"github.com/alexedwards/argon2id"
)

// MinLength is the shortest password that a new user may have, in characters.
const MinLength = 12

// MaxLength is the longest, in characters: a longer one only makes us hash more.
const MaxLength = 200

// argon2id with OWASP's first choice for servers: 19 MiB, two passes, one lane.
// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hasher hashes passwords. Hashing is slow and takes memory on purpose, so
// only a few run at a time; the others wait as long as their context allows.
type Hasher struct {
	slots chan struct{}
	decoy func() (string, error)
}

// NewHasher returns a hasher that runs at most concurrency hashes at a time.
func NewHasher(concurrency int) *Hasher {
	return &Hasher{
		slots: make(chan struct{}, concurrency),
		decoy: sync.OnceValues(func() (string, error) { return argon2id.CreateHash("", passwordCost) }),
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

// Matches reports whether hash is the password's. With an empty hash, which
// stands for a user who is absent or cannot sign in, it works as hard and says no.
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
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func (p *Hasher) release() { <-p.slots }
