package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

// Rates limit how often something happens, by the generic cell rate algorithm (GCRA) in
// Redis, whose clock counts. A limit of 30 a minute lets 30 events pass at once, and then
// one more every two seconds, so that no window's end lets all clients in together.
type Rates struct {
	limiter *redis_rate.Limiter
	prefix  string
	budget  time.Duration
}

// NewRates returns limits whose keys in Redis begin with prefix, after the library's
// "rate:". An answer of Redis that takes longer than the budget counts as none.
func NewRates(client redis.UniversalClient, prefix string, budget time.Duration) *Rates {
	// Once: what is sent again would count again.
	return &Rates{redis_rate.NewLimiter(redisclient.Once{UniversalClient: client}), prefix, budget}
}

// Take counts an event of the key if it passes: of limit at once, and as many in each
// period. If it passes, wait is 0, left is how many more would pass now, and reset is when
// all would. Otherwise wait says when the next one passes. The key may be of any length,
// and is not readable in Redis.
func (r *Rates) Take(
	ctx context.Context, key string, limit int, period time.Duration,
) (left int, reset, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.budget)
	defer cancel()
	sum := sha256.Sum256([]byte(key))
	rate := redis_rate.Limit{Rate: limit, Burst: limit, Period: period}
	result, err := r.limiter.Allow(ctx, r.prefix+hex.EncodeToString(sum[:16]), rate)
	if err != nil {
		return 0, 0, 0, unavailable("count an event", err)
	}
	return result.Remaining, result.ResetAfter, max(result.RetryAfter, 0), nil
}
