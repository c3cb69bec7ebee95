// Package locks keeps processes of the service from doing the same work at once. A lock is
// a lease in Redis: it is renewed while the work runs, and expires soon after its holder
// has died. A lease is not a proof: a process that is suspended for longer than the lease
// may continue for a moment beside its successor. So the work must be safe to repeat.
//
//	jobs := locks.New(client, "myservice:job:", 10*time.Second)
//	ran, err := jobs.Run(ctx, "prune", time.Time{}, func(ctx context.Context) error {
//		return products.Prune(ctx) // ctx ends if the lease is lost
//	})
//	switch {
//	case !ran && err == nil: // another process holds the lock
//	case !ran: // Redis did not answer
//	}
package locks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// Locks are leases with a common prefix and duration.
type Locks struct {
	redis  redis.UniversalClient
	prefix string
	ttl    time.Duration
}

// New returns locks that are keys in client, with the prefix. If a holder is killed,
// another process can continue its work after ttl.
func New(client redis.UniversalClient, prefix string, ttl time.Duration) *Locks {
	return &Locks{redis: client, prefix: prefix, ttl: ttl}
}

var errLeaseLost = errors.New("the lease was lost")

// Run calls work while no other process holds the name, and returns what work returns. It
// returns false without an error if another process holds the name, and false with
// problem.ErrUnavailable if Redis did not answer.
//
// If next is not zero, it is the time at which the same work is due again. Run then also
// returns false if the work that is due now has been done: a run leaves a note of it that
// lasts for half the time until next, unless its context has ended.
//
// The context of work ends when ctx does, and before the lease expires: when Redis has not
// renewed it for most of its duration, or says that it is gone. Once ctx has ended the
// lease is not renewed, whether work returns or not.
func (l *Locks) Run(
	ctx context.Context, name string, next time.Time, work func(context.Context) error,
) (ran bool, err error) {
	held := lease{
		Locks: l, token: rand.Text(),
		keys: []string{l.prefix + "{" + name + "}", l.prefix + "{" + name + "}:done"}, // in one slot of a Cluster
	}
	untilNext := max(0, time.Until(next)) // also if next is zero
	asked := time.Now()
	acquired, err := held.run(ctx, acquireLock, l.ttl.Milliseconds(), untilNext.Milliseconds()).Bool()
	if err != nil {
		return false, fmt.Errorf("acquire a lock: %w: %w", problem.ErrUnavailable, err)
	}
	if !acquired {
		return false, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	renewals := make(chan struct{})
	go func() {
		defer close(renewals)
		held.renew(ctx, asked, cancel)
	}()
	defer func() { // after a panic too
		var noted time.Duration
		if ctx.Err() == nil {
			noted = max(0, time.Until(next)) / 2
		}
		lost := errors.Is(context.Cause(ctx), errLeaseLost)
		cancel(nil)
		<-renewals
		held.run(context.WithoutCancel(ctx), releaseLock, noted.Milliseconds()) // without Redis the lease expires by itself
		if err != nil && lost {
			err = fmt.Errorf("%w: %w", errLeaseLost, err)
		}
	}()
	return true, work(ctx)
}

type lease struct {
	*Locks
	keys  []string // of the lease, and of the note that the work is done
	token string
}

var (
	// acquireLock takes the lease. If its own token holds the lease already, the client has
	// lost the answer and asks again. A note or a lease that lasts longer than a new one
	// would does not count: Redis' clock went back, which would prolong it by as much. The
	// DEL stands first for a Redis that is full: it refuses a script whose first write needs
	// memory, and a job that makes room must be able to run.
	acquireLock = redis.NewScript(`
local noted = redis.call('PTTL', KEYS[2])
if noted > 0 and noted <= tonumber(ARGV[3]) then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return 1 end
if holder and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

	renewLock = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

	releaseLock = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], '', 'PX', ARGV[2]) end
return 1`)
)

// callTimeout limits one call of Redis, with its one retry.
const callTimeout = time.Second

func (l *lease) run(ctx context.Context, script *redis.Script, arguments ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return script.Run(ctx, l.redis, l.keys, append([]any{l.token}, arguments...)...)
}

// renew prolongs the lease until ctx ends. It cancels the work if Redis says that the
// lease is gone, or if three quarters of its duration have passed since the last call
// that renewed it.
func (l *lease) renew(ctx context.Context, asked time.Time, cancel context.CancelCauseFunc) {
	end := time.AfterFunc(l.ttl*3/4-time.Since(asked), func() { cancel(errLeaseLost) })
	defer end.Stop()
	ticker := time.NewTicker(l.ttl / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		held, err := l.run(ctx, renewLock, l.ttl.Milliseconds()).Bool()
		switch {
		case err != nil: // there may be time for another try
		case held:
			end.Reset(l.ttl*3/4 - time.Since(asked))
		default:
			cancel(errLeaseLost)
			return
		}
	}
}
