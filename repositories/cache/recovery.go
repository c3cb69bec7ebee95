package cache

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	retryInterval     = 250 * time.Millisecond
	heartbeatInterval = time.Second
	heartbeatTTL      = 5 * time.Second
	maxPending        = 1000 // tags; more become Everything

	// stepTimeout is for an invalidation, or a step in the background: a new connection
	// to a slow Redis takes three round trips before the first command.
	stepTimeout = 2 * time.Second
)

// pending are the invalidations that this process has to send to Redis, each with the end
// of its write, which may not be over. While there are any, the process does not read the
// entries in Redis.
type pending struct {
	mu   sync.Mutex
	tags map[string]time.Time
}

func (p *pending) add(until time.Time, tags ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tag := range tags {
		put(&p.tags, tag, later(until, p.tags[tag]))
	}
	if len(p.tags) > maxPending {
		for _, end := range p.tags {
			until = later(until, end)
		}
		p.tags = map[string]time.Time{Everything: until}
	}
}

func (p *pending) none() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tags) == 0
}

func (p *pending) list() map[string]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.tags)
}

// remove removes what was sent, except tags that were added again meanwhile.
func (p *pending) remove(sent map[string]time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.tags, func(tag string, until time.Time) bool { return sent[tag].Equal(until) })
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// postpone voids the values of the tags in memory. The invalidation is sent to Redis
// before it is read again. lasts is the time that the write may still take.
func (c *Cache) postpone(lasts time.Duration, tags ...string) {
	c.pending.add(time.Now().Add(lasts), tags...) // first: nobody may read Redis with the new version
	c.versions.increment(tags...)
	c.circuit.retry()
}

// voidAll voids all entries in Redis: invalidations may have been lost.
func (c *Cache) voidAll() {
	c.postpone(0, Everything)
	c.circuit.open("invalidations may be lost, so it discards all entries in Redis")
}

// connect is the first look at Redis. If some process has been connected to this very
// server all the time, its entries are valid; else nobody knows what was written meanwhile.
func (c *Cache) connect(ctx context.Context) {
	server, err := c.runID(ctx)
	c.server.Store(&server)
	beating := ""
	if err == nil {
		beating, err = c.client.Get(ctx, c.heartbeatKey()).Result()
	}
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		c.voidAll()
		return
	case beating != server || err != nil:
		c.postpone(0, Everything) // as usual at the first start of a service
	}
	c.recover(ctx)
}

// maintain sends what is pending, closes the circuit again, and sends the heartbeat.
func (c *Cache) maintain(ctx context.Context) {
	beat, retry := time.NewTicker(heartbeatInterval), time.NewTicker(retryInterval)
	defer beat.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.circuit.wake:
		case <-retry.C:
		case <-beat.C:
			if c.usable() {
				// This ends before it is due again: a promotion is noticed within two intervals.
				limited, cancel := context.WithTimeout(ctx, heartbeatInterval/2)
				_ = c.checkServer(limited)
				cancel()
				_ = c.read(ctx, c.heartbeat)
			}
		}
		c.recover(ctx)
	}
}

// recover sends what is pending, and then tries whether Redis is well again.
func (c *Cache) recover(ctx context.Context) {
	if c.usable() || c.checkServer(ctx) != nil || !c.pending.none() && c.sendPending(ctx) != nil {
		return
	}
	begin := time.Now()
	if withTimeout(ctx, c.heartbeat) == nil {
		c.circuit.close(time.Since(begin), c.options.Budget)
	}
}

func (c *Cache) sendPending(ctx context.Context) error {
	list := c.pending.list()
	var commands []redis.Cmder
	for tag, until := range list {
		if ttl := time.Until(until); ttl >= time.Millisecond { // the write may not be over
			commands = append(commands, c.changeTombstones([]string{tag}, nonce(), ttl.Milliseconds())...)
		} else {
			commands = append(commands, c.drop([]string{tag})...)
		}
	}
	tags := slices.Collect(maps.Keys(list))
	err := withTimeout(ctx, func(ctx context.Context) error { return c.publish(ctx, tags, commands) })
	if err != nil {
		c.circuit.openForWrites()
	} else if err = c.checkServer(ctx); err == nil { // sending may have taken long
		c.pending.remove(list)
	}
	c.versions.increment(tags...)
	return err
}

func withTimeout(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return call(ctx)
}

func (c *Cache) heartbeatKey() string { return c.options.Prefix + "heartbeat" }

// heartbeat tells processes that start that this one is connected, and to which server.
// It also renews the epoch, whose end would void all entries at one moment.
func (c *Cache) heartbeat(ctx context.Context) error {
	return c.run(ctx, c.writes,
		redis.NewStatusCmd(ctx, "set", c.heartbeatKey(), *c.server.Load(), "px", heartbeatTTL.Milliseconds()),
		evalSha(renewScript, []string{c.generationKey(Everything)}, epochTTL.Milliseconds()),
	)
}
