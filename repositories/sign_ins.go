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
	byAddress, err := s.count(ctx, addressKey(address), s.limit.PerAddress)
	if err != nil || byAddress > 0 {
		return byAddress, err // a blocked address must not lock other people's accounts too
	}
	return s.count(ctx, accountKey(account), s.limit.PerAccount)
}

func (s *SignIns) count(ctx context.Context, key string, limit int64) (time.Duration, error) {
	reply, err := countAttempt.Run(ctx, s.redis, []string{key}, s.limit.Window.Milliseconds()).Int64Slice()
	if err != nil {
		return 0, storeError("count an attempt to sign in", err)
	}
	if len(reply) != 2 {
		return 0, fmt.Errorf("count an attempt to sign in: %d values in the reply", len(reply))
	}
	if n, left := reply[0], time.Duration(reply[1])*time.Millisecond; n > limit {
		return max(left, time.Second), nil
	}
	return 0, nil
}

// Clear is part of services.SignInLimiter.
func (s *SignIns) Clear(ctx context.Context, account string) error {
	if err := s.redis.Del(ctx, accountKey(account)).Err(); err != nil {
		return storeError("clear the attempts to sign in", err)
	}
	return nil
}

// Hashed, since addresses are personal data and of any length.
func accountKey(account string) string {
	sum := sha256.Sum256([]byte(account))
	return "prefab:sign-in:account:" + hex.EncodeToString(sum[:16])
}

// An IPv6 subscriber owns a whole /64.
func addressKey(address netip.Addr) string {
	if address = address.Unmap(); address.Is6() {
		if subscriber, err := address.Prefix(64); err == nil {
			address = subscriber.Addr()
		}
	}
	return "prefab:sign-in:address:" + address.String()
}
