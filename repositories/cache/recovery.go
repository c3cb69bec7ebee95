package cache

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	retryInterval = 250 * time.Millisecond
	watchInterval = time.Second
	watchTTL      = 5 * time.Second

	// stepTimeout is for an invalidation, or a step in the background, which are no
	// reads: a connection to a slow Redis takes three round trips before the first one.
	stepTimeout = 2 * time.Second
)

// usable reports whether what Redis holds may be read.
func (c *Cache) usable() bool { return c.circuit.reads() && c.pending.none() }

// owe notes that Redis is to be told of a change, by a write that may go on until
// then, and takes what memory holds of the tags for void.
func (c *Cache) owe(tags []string, until time.Time) {
	c.pending.add(tags, until) // first: nobody may read Redis with the new version
	c.versions.bump(tags)
	c.circuit.nudge()
}

// voidAll takes all that Redis holds for void: it may lack invalidations.
func (c *Cache) voidAll() {
	c.owe([]string{Everything}, time.Time{})
	c.circuit.lost()
}

// join is a process's first look at Redis. Where some process has been watching
// this very server all the time, what it holds is good; else nobody knows what
// was written meanwhile.
func (c *Cache) join(ctx context.Context) {
	var watched, server string
	err := step(ctx, func(ctx context.Context) (err error) {
		if server, err = c.runID(ctx); err == nil {
			watched, err = c.client.Get(ctx, c.watchKey()).Result()
		}
		return err
	})
	c.server.Store(&server)
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		c.voidAll()
		return
	case watched != server || err != nil:
		c.owe([]string{Everything}, time.Time{}) // as usual at a service's first start
	}
	c.recover(ctx)
}

// keep sends what is pending, closes the circuit again, and lets processes that
// start know that somebody was there all the time.
func (c *Cache) keep(ctx context.Context) {
	watch := time.NewTicker(watchInterval)
	defer watch.Stop()
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.circuit.wake:
		case <-retry.C:
		case <-watch.C:
			if c.usable() {
				c.check(ctx)
				_ = c.ask(ctx, c.watch)
			}
		}
		c.recover(ctx)
	}
}

// check must end before the next one is due: within two intervals a replica may be
// promoted, which it has to notice.
func (c *Cache) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, watchInterval/2)
	defer cancel()
	_ = c.sameServers(ctx)
}

// step gives a call a time of its own.
func step(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return call(ctx)
}

func (c *Cache) watchKey() string { return c.prefix + "watched" }

// watch says that somebody is there, and with which server, and keeps the epoch
// from ending by itself, which would void everything at one moment.
func (c *Cache) watch(ctx context.Context) error {
	return c.scripted(ctx, c.writes,
		redis.NewStatusCmd(ctx, "set", c.watchKey(), *c.server.Load(), "px", watchTTL.Milliseconds()),
		evalSha(renewScript, []string{c.generationKey(Everything)}, epochTTL.Milliseconds()),
	)
}

// recover sends what is pending, and then asks whether Redis is well again.
func (c *Cache) recover(ctx context.Context) {
	if c.usable() || step(ctx, c.sameServers) != nil {
		return
	}
	if list := c.pending.list(); len(list) > 0 {
		if step(ctx, func(ctx context.Context) error { return c.send(ctx, list) }) != nil {
			c.circuit.unreachable()
			return
		}
		if step(ctx, c.sameServers) != nil { // since sending may have taken long, and reads go on now
			return
		}
		c.versions.bump(tagsOf(list))
		c.pending.sent(list)
	}
	begin := time.Now()
	if step(ctx, c.watch) == nil {
		c.circuit.answered(time.Since(begin), c.options.Budget)
	}
}

// send tells Redis of pending invalidations. A write that may not be over keeps
// its tags marked for the rest of its time.
func (c *Cache) send(ctx context.Context, list map[string]owed) error {
	token := nonce()
	until := make(map[string]time.Time, len(list))
	for tag, o := range list {
		until[c.generationKey(tag)] = o.until
	}
	return c.announce(ctx, tagsOf(list), each(func(generation string) redis.Cmder {
		w := writer{token: token, ttl: time.Until(until[generation])}
		if w.ttl < time.Millisecond {
			return evalSha(dropScript, []string{generation})
		}
		return w.begin(generation)
	}))
}
