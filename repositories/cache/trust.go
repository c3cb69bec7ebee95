package cache

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	failuresAllowed = 3 // in a row
	retryInterval   = 250 * time.Millisecond
	watchInterval   = time.Second
	watchTTL        = 5 * time.Second
)

// trust says whether this process may use what Redis holds. It is suspended when
// Redis is slow, and returns with one good answer. It is lost when Redis could
// not be told of a write, or when others may not have been able to tell this
// process; then what Redis holds is void, and it returns when Redis has been told
// that: the epoch moves. A circuit breaker whose way back is an invalidation.
type trust struct {
	mu       sync.Mutex
	failures int
	state    trustState
	debts    int // how often it was lost; what comes while one is paid is not paid by it
	wake     chan struct{}
	log      *slog.Logger
	told     bool // that it is gone
}

type trustState int

const (
	trusted trustState = iota
	suspended
	lost
)

func (t *trust) given() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state == trusted
}

func (t *trust) succeeded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures = 0
}

func (t *trust) failed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failures++; t.failures >= failuresAllowed {
		t.doWithout("the cache does without Redis, which is slow")
	}
}

// suspend is for a master that does not answer.
func (t *trust) suspend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doWithout("the cache does without Redis, whose master is away")
}

func (t *trust) doWithout(why string) {
	if t.state == trusted {
		t.state = suspended
		t.tell(why)
		t.nudge()
	}
}

func (t *trust) lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = lost
	t.debts++
	t.tell("the cache does without Redis, and takes what it holds for void")
	t.nudge()
}

// tell logs once that trust is gone, however often it is lost until it is back.
func (t *trust) tell(what string) {
	if !t.told {
		t.told = true
		t.log.Warn(what)
	}
}

func (t *trust) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// standing returns the state, and the debts to settle with it.
func (t *trust) standing() (trustState, int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state, t.debts
}

func (t *trust) regain(debts int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.debts != debts {
		return
	}
	if t.told {
		t.log.Info("the cache uses Redis again")
	}
	t.state, t.failures, t.told = trusted, 0, false
}

// join is a process's first look at Redis. Where some process has been watching
// this very server all the time, what it holds is good; else nobody knows what
// was written meanwhile.
func (c *Cache) join(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, c.options.Budget)
	defer cancel()
	watched, err := c.client.Get(limited, c.watchKey()).Result()
	server, unknown := c.runID(limited)
	switch err = errors.Join(err, unknown); {
	case errors.Is(err, redis.Nil), err == nil && watched != server:
		c.trust.state = lost // as usual at a service's first start
	case err != nil:
		c.trust.lose()
	}
	c.server.Store(&server)
	c.recover(ctx)
}

// keep wins trust back, and lets processes that start know that somebody was
// there all the time.
func (c *Cache) keep(ctx context.Context) {
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.trust.wake:
		case <-retry.C:
		case <-watch.C:
			c.check(ctx)
			if c.trust.given() {
				_ = c.ask(ctx, c.watch)
			}
		}
		c.recover(ctx)
	}
}

// check is more patient than a request may be: nobody waits for it.
func (c *Cache) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval/2)
	defer cancel()
	if c.trust.given() {
		_ = c.sameServers(ctx)
	}
}

func (c *Cache) watchKey() string { return c.prefix + "watched" }

// watch says that somebody is there, and with which server, and keeps the epoch
// from ending by itself, which would void everything at one moment.
func (c *Cache) watch(ctx context.Context) error {
	_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, c.watchKey(), *c.server.Load(), watchTTL)
		p.Expire(ctx, c.tagKeys(Everything).generation, epochTTL)
		return nil
	})
	return err
}

// recover asks Redis whether it is well again. While trust is lost it moves the
// epoch.
func (c *Cache) recover(ctx context.Context) {
	if c.trust.given() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Budget)
	defer cancel()
	if c.sameServers(ctx) != nil {
		return
	}
	state, debts := c.trust.standing()
	if state == lost {
		if c.announce(ctx, []string{Everything}, writer{}.unsettled) != nil {
			return
		}
		c.stamps.bumpAll()
	}
	if c.watch(ctx) != nil {
		return
	}
	c.trust.regain(debts)
}
