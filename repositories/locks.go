package repositories

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Locks keep processes of the service from doing the same work at once. A lock is
// a lease in Redis: it is renewed while the work goes on, and ends by itself soon
// after its holder has died. As any lease it is no proof: a process that is halted
// for longer than the lease may go on for a moment after another one has begun.
type Locks struct {
	redis  redis.UniversalClient
	prefix string
	ttl    time.Duration
}

// NewLocks returns locks that are keys in client, with the prefix. Work whose
// holder was killed can be taken up after ttl.
func NewLocks(client redis.UniversalClient, prefix string, ttl time.Duration) *Locks {
	return &Locks{redis: client, prefix: prefix, ttl: ttl}
}

var errLeaseLost = errors.New("the lease was lost")

// Hold calls run while nobody else holds the name, and returns what run returns.
// It reports false, without an error, where somebody else holds it, or has done
// this piece of work: that is known from the end of a run, unless its context had
// ended, until halfway to next, when the following piece is due. With a zero next
// it does not matter what has been done, and is not noted either. It reports false
// with an error where Redis did not answer.
//
// The context of run ends when ctx does, and before the lease can: when Redis has
// not renewed it for most of its time, or says that it is gone. Once ctx has ended
// the lease is not renewed, whether run returns or not.
func (l *Locks) Hold(
	ctx context.Context, name string, next time.Time, run func(context.Context) error,
) (ran bool, err error) {
	h := hold{
		Locks: l, token: rand.Text(),
		keys: []string{l.prefix + "{" + name + "}", l.prefix + "{" + name + "}:done"}, // in one slot of a cluster
	}
	asked := time.Now()
	if taken, err := h.take(ctx, next); err != nil || !taken {
		return false, err
	}
	ctx, lose := context.WithCancelCause(ctx)
	renewals := make(chan struct{})
	go func() {
		defer close(renewals)
		h.renew(ctx, asked, lose)
	}()
	defer func() { // after a panic too
		noted := ctx.Err() == nil && !next.IsZero()
		lost := errors.Is(context.Cause(ctx), errLeaseLost)
		lose(nil)
		<-renewals
		h.end(context.WithoutCancel(ctx), noted, next)
		if err != nil && lost {
			err = fmt.Errorf("%w: %w", errLeaseLost, err)
		}
	}()
	return true, run(ctx)
}

// A hold is one process's hold on a name.
type hold struct {
	*Locks
	keys  []string // of the lease, and of the note that this piece of work is done
	token string
}

// A client that lost the answer asks again: then the lease is its own already. A
// Redis that is full lets a script go on that has begun with what needs no room;
// else the job that would make room could not run. A note or a lease that lasts for
// longer than one that is made now does not count: Redis' clock went back, and would
// keep it for as long as that.
var takeLock = redis.NewScript(`
local noted = redis.call('PTTL', KEYS[2])
if noted > 0 and noted <= tonumber(ARGV[3]) then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return 1 end
if holder and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

var renewLock = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

var endLock = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '0' then redis.call('SET', KEYS[2], '', 'PX', ARGV[2]) end
return 1`)

// askTimeout bounds one question to Redis, its one retry included.
const askTimeout = time.Second

func (h *hold) take(ctx context.Context, next time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var noted int64 // the longest that a note may last: it ends before next
	if !next.IsZero() {
		noted = max(0, time.Until(next).Milliseconds())
	}
	taken, err := takeLock.Run(ctx, h.redis, h.keys, h.token, h.ttl.Milliseconds(), noted).Bool()
	if err != nil {
		return false, redisError("take a lock", err)
	}
	return taken, nil
}

// renew keeps the lease until ctx ends. It loses it where Redis says so, and a
// quarter of its time before it would end, counted from the last question that
// was answered.
func (h *hold) renew(ctx context.Context, asked time.Time, lose context.CancelCauseFunc) {
	end := time.AfterFunc(h.ttl*3/4-time.Since(asked), func() { lose(errLeaseLost) })
	defer end.Stop()
	ticker := time.NewTicker(h.ttl / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		held, err := h.askAgain(ctx)
		switch {
		case err != nil: // there may be time for another try
		case held:
			end.Reset(h.ttl*3/4 - time.Since(asked))
		default:
			lose(errLeaseLost)
			return
		}
	}
}

func (h *hold) askAgain(ctx context.Context) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return renewLock.Run(ctx, h.redis, h.keys, h.token, h.ttl.Milliseconds()).Bool()
}

// end gives the lease back, and notes that the work is done. Where Redis does not
// hear of it the lease ends by itself.
func (h *hold) end(ctx context.Context, done bool, next time.Time) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var known int64
	if done {
		known = max(0, time.Until(next).Milliseconds()/2)
	}
	endLock.Run(ctx, h.redis, h.keys, h.token, known)
}
