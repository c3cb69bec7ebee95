package repositories

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"
)

// SignIns counts attempts to sign in, in Redis, so that all processes of the
// service share one count.
type SignIns struct {
	redis redis.UniversalClient
	limit SignInLimit
}

// SignInLimit says how many attempts fit into a window of time.
type SignInLimit struct {
	// Here is for one account from one address. It is the low one: who guesses
	// at a stranger's password must not lock the stranger out elsewhere.
	Here int64
	// PerAccount is for one account from everywhere, PerAddress for all accounts
	// from one address.
	PerAccount, PerAddress int64
	Window                 time.Duration
}

// NewSignIns returns a limiter that counts in client.
func NewSignIns(client redis.UniversalClient, limit SignInLimit) *SignIns {
	return &SignIns{redis: client, limit: limit}
}

// Counting and expiry are one step, or a crash between them would lock an
// account for ever; so would reading first let parallel attempts pass together.
var countAttempt = redis.NewScript(`
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}`)

// Attempt is part of services.SignInLimiter.
func (s *SignIns) Attempt(ctx context.Context, account string, address netip.Addr) (time.Duration, error) {
	// In this order, so that a blocked address neither makes keys for ever more
	// accounts nor uses up their own counts.
	for _, count := range []struct {
		key   string
		limit int64
	}{
		{addressKey(address), s.limit.PerAddress},
		{hereKey(account, address), s.limit.Here},
		{accountKey(account), s.limit.PerAccount},
	} {
		wait, err := s.count(ctx, count.key, count.limit)
		if err != nil || wait > 0 {
			return wait, err
		}
	}
	return 0, nil
}

func (s *SignIns) count(ctx context.Context, key string, limit int64) (time.Duration, error) {
	reply, err := countAttempt.Run(ctx, s.redis, []string{key}, s.limit.Window.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, redisError("count an attempt to sign in", err)
	}
	if len(reply) != 2 {
		return 0, fmt.Errorf("count an attempt to sign in: %d values in the reply", len(reply))
	}
	if n, left := reply[0], time.Duration(reply[1])*time.Millisecond; n > limit {
		return max(left, time.Second), nil
	}
	return 0, nil
}

// A key that has expired meanwhile must not come back, and never go away, as -1.
var takeBack = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('DECR', KEYS[1]) end
return 0`)

// Succeed is part of services.SignInLimiter.
func (s *SignIns) Succeed(ctx context.Context, account string, address netip.Addr) error {
	if err := s.redis.Del(ctx, hereKey(account, address)).Err(); err != nil {
		return redisError("forget failures to sign in", err)
	}
	return s.takeBack(ctx, addressKey(address), accountKey(account))
}

// TakeBack is part of services.SignInLimiter.
func (s *SignIns) TakeBack(ctx context.Context, account string, address netip.Addr) error {
	return s.takeBack(ctx, addressKey(address), hereKey(account, address), accountKey(account))
}

func (s *SignIns) takeBack(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := takeBack.Run(ctx, s.redis, []string{key}).Err(); err != nil {
			return redisError("take back an attempt to sign in", err)
		}
	}
	return nil
}

func hereKey(account string, address netip.Addr) string {
	return accountKey(account) + ":" + subscriber(address)
}

// Hashed, since e-mail addresses are personal data and of any length.
func accountKey(account string) string {
	sum := sha256.Sum256([]byte(account))
	return "prefab:sign-in:account:" + hex.EncodeToString(sum[:16])
}

func addressKey(address netip.Addr) string { return "prefab:sign-in:address:" + subscriber(address) }

// subscriber is who has the address: with IPv6 a subscriber owns a whole /64.
func subscriber(address netip.Addr) string {
	if address = address.Unmap(); address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			address = network.Addr()
		}
	}
	return address.String()
}
