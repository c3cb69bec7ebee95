package repositories

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/ratelimit"
	"example.com/prefab/services/tracing"
)

// SignIns limits attempts to sign in, or to do something else with an account, over all
// processes of the service.
type SignIns struct {
	counts *ratelimit.Limiter
	prefix string
	limit  SignInLimit
}

// SignInLimit says how many attempts fit into a window of time.
type SignInLimit struct {
	// PerAccountAndAddress is for one account from one address. It is the lowest: somebody
	// who guesses a stranger's password must not lock the stranger out elsewhere.
	PerAccountAndAddress int64
	PerAccount           int64 // from everywhere
	PerAddress           int64 // for all accounts
	Window               time.Duration
}

// NewSignIns returns a limiter that counts in client. Limiters of another name have their
// own counts.
func NewSignIns(client redis.UniversalClient, name string, limit SignInLimit) *SignIns {
	return &SignIns{counts: ratelimit.New(client, limit.Window), prefix: "prefab:" + name, limit: limit}
}

// Attempt is part of services.SignInLimiter.
func (s *SignIns) Attempt(ctx context.Context, account string, address netip.Addr) (time.Duration, error) {
	// In this order, so that a blocked address neither makes keys for ever more
	// accounts nor uses up their own counts.
	for _, count := range []struct {
		key   string
		limit int64
	}{
		{s.addressKey(address), s.limit.PerAddress},
		{s.pairKey(account, address), s.limit.PerAccountAndAddress},
		{s.accountKey(account), s.limit.PerAccount},
	} {
		wait, err := s.counts.Hit(ctx, count.key, count.limit)
		if err != nil || wait > 0 {
			return wait, err
		}
	}
	return 0, nil
}

// Succeed is part of services.SignInLimiter.
func (s *SignIns) Succeed(ctx context.Context, account string, address netip.Addr) error {
	if err := s.counts.Reset(ctx, s.pairKey(account, address)); err != nil {
		return err
	}
	return s.counts.Refund(ctx, s.addressKey(address), s.accountKey(account))
}

// Refund is part of services.SignInLimiter.
func (s *SignIns) Refund(ctx context.Context, account string, address netip.Addr) error {
	return s.counts.Refund(ctx, s.addressKey(address), s.pairKey(account, address), s.accountKey(account))
}

func (s *SignIns) pairKey(account string, address netip.Addr) string {
	return s.accountKey(account) + ":" + tracing.Network(address)
}

// accountKey hashes the account: e-mail addresses are personal data, and of any length.
func (s *SignIns) accountKey(account string) string {
	sum := sha256.Sum256([]byte(account))
	return s.prefix + ":account:" + hex.EncodeToString(sum[:16])
}

func (s *SignIns) addressKey(address netip.Addr) string {
	return s.prefix + ":address:" + tracing.Network(address)
}
