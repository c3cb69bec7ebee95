package repositories

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	denied *prometheus.CounterVec // by limit
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

// The values of the metric's label limit.
const (
	byAddress           = "address"
	byAccountAndAddress = "account and address"
	byAccount           = "account"
)

// NewSignIns returns a limiter that counts in client. Limiters of another name have their
// own counts.
func NewSignIns(
	client redis.UniversalClient, name string, limit SignInLimit, metrics prometheus.Registerer,
) *SignIns {
	denied := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "prefab_sign_in_denied_total", ConstLabels: prometheus.Labels{"name": name},
		Help: "Attempts that were denied, by the limit that was reached.",
	}, []string{"limit"})
	for _, limit := range [...]string{byAddress, byAccountAndAddress, byAccount} {
		denied.WithLabelValues(limit) // rate() needs a value before the first
	}
	metrics.MustRegister(denied)
	return &SignIns{counts: ratelimit.New(client, limit.Window), prefix: "prefab:" + name, limit: limit, denied: denied}
}

// Attempt is part of services.SignInLimiter.
func (s *SignIns) Attempt(ctx context.Context, account string, address netip.Addr) (time.Duration, error) {
	// In this order, so that a blocked address neither makes keys for ever more
	// accounts nor uses up their own counts.
	for _, count := range []struct {
		name, key string
		limit     int64
	}{
		{byAddress, s.addressKey(address), s.limit.PerAddress},
		{byAccountAndAddress, s.pairKey(account, address), s.limit.PerAccountAndAddress},
		{byAccount, s.accountKey(account), s.limit.PerAccount},
	} {
		wait, err := s.counts.Hit(ctx, count.key, count.limit)
		if err != nil {
			return 0, err
		}
		if wait > 0 {
			s.denied.WithLabelValues(count.name).Inc()
			return wait, nil
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
