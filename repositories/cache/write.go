package cache

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/transaction"
)

const (
	defaultWriteTimeout = 30 * time.Second // of a write whose context has no deadline
	commitGrace         = 3 * time.Second  // by which a commit in PostgreSQL may pass the deadline
)

var errNotSent = errors.New("redis could not be reached a moment ago")

// Write runs write, which changes values of the tags. From before it until it has ended,
// no process caches values of these tags: tombstones in Redis prevent it. They expire by
// themselves, so this holds even if the process is killed. If Redis cannot be reached,
// the invalidation is recorded in the store. If that fails as well, Write does not run
// write and returns problem.ErrUnavailable; else it returns the error of write.
//
// In a transaction the write has ended when the transaction has.
func (c *Cache) Write(ctx context.Context, tags []string, write func(context.Context) error) error {
	running := transaction.From(ctx)
	deadline, bounded := running.Deadline() // a call inside it may have an earlier one
	if !bounded {
		deadline, bounded = ctx.Deadline()
	}
	if !bounded {
		deadline = time.Now().Add(defaultWriteTimeout)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	token, ttl := nonce(), max(time.Until(deadline), 0)+commitGrace
	c.versions.increment(tags...)
	sent := c.invalidate(ctx, tags, c.changeTombstones(tags, token, ttl.Milliseconds())) == nil
	if !sent {
		if err := c.record(ctx, tags, ttl); err != nil {
			return err
		}
	}
	end := func(ended bool) {
		if sent { // else the record holds for the whole time of the write
			c.endWrite(ctx, tags, token, ttl, ended)
		}
		c.requestOf(ctx).forget() // what it has read meanwhile
		c.versions.increment(tags...)
	}
	if running.AfterEnd(func(outcome transaction.Outcome) { end(outcome != transaction.Unknown) }) {
		return write(ctx)
	}
	err := write(ctx)
	code := problem.CodeOf(err)
	end(err == nil || code != problem.Internal && code != problem.Unavailable)
	return err
}

// changeTombstones adds a writer to the tombstones of tags, for ms from now, or removes it
// if that is "". Without a writer it deletes the generation.
func (c *Cache) changeTombstones(tags []string, token string, ms any) []redis.Cmder {
	commands := make([]redis.Cmder, 0, len(tags)+1)
	for _, tag := range tags {
		commands = append(commands, evalSha(writeScript, []string{c.generationKey(tag)}, token, ms))
	}
	return commands
}

// endWrite removes the tombstones, unless the write may still commit: then they stay
// until they expire.
func (c *Cache) endWrite(ctx context.Context, tags []string, token string, ttl time.Duration, ended bool) {
	commands := c.drop(tags)
	if ended {
		commands, ttl = c.changeTombstones(tags, token, ""), 0
	}
	if c.invalidate(ctx, tags, commands) != nil {
		// An error does not matter: the tombstones are in Redis, and expire by themselves.
		_ = c.record(context.WithoutCancel(ctx), tags, ttl)
	}
}

// Invalidate drops the values of the tags, after a change that was not made in Write. If
// it returns an error, other processes may not learn of it. In a transaction, whose change
// nobody sees before its end, it is a Write.
func (c *Cache) Invalidate(ctx context.Context, tags ...string) error {
	if transaction.From(ctx) != nil {
		return c.Write(ctx, tags, func(context.Context) error { return nil })
	}
	err := c.invalidate(ctx, tags, c.drop(tags))
	if err != nil {
		err = c.record(context.WithoutCancel(ctx), tags, 0)
	}
	c.versions.increment(tags...)
	return err
}

// InvalidateWith sends a command that changes values of the tags, such as a put into a
// buffer in Redis, and invalidates these values after it, in one round trip. It reports whether
// it has invalidated them: not with a Cluster, whose nodes would do their parts in any order,
// and not if Redis could not be reached a moment ago. Then call Invalidate once the
// command has taken effect. The error is the command's. If ctx has ended, the command may
// still run, and must not be read.
func (c *Cache) InvalidateWith(ctx context.Context, first redis.Cmder, tags ...string) (invalidated bool, err error) {
	if c.single == nil || c.circuit.writesOff.Load() {
		return false, c.client.Process(ctx, first)
	}
	c.requestOf(ctx).forget()
	commands := append(c.drop(tags), c.message(tags))
	if err := c.writes.Send(ctx, append([]redis.Cmder{first}, commands...)...); err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if slices.ContainsFunc(commands, func(command redis.Cmder) bool { return command.Err() != nil }) {
		return false, first.Err()
	}
	c.metrics.invalidated(nil)
	c.versions.increment(tags...)
	return true, first.Err()
}

// drop deletes generations. Tombstones stay, with their writers.
func (c *Cache) drop(tags []string) []redis.Cmder { return c.changeTombstones(tags, "", "") }

// invalidate changes the generations of tags in Redis and tells the other processes, even
// for a request that has used up its time.
func (c *Cache) invalidate(ctx context.Context, tags []string, commands []redis.Cmder) error {
	c.requestOf(ctx).forget()
	err := errNotSent
	if !c.circuit.writesOff.Load() {
		err = withTimeout(context.WithoutCancel(ctx), func(ctx context.Context) error {
			return c.publish(ctx, tags, commands)
		})
		if err != nil {
			c.circuit.openForWrites()
		}
	}
	c.metrics.invalidated(err)
	return err
}

// publish runs commands, and only then tells the other processes: they must not find the
// tags as they were before.
func (c *Cache) publish(ctx context.Context, tags []string, commands []redis.Cmder) error {
	if c.single != nil {
		return c.run(ctx, c.writes, append(commands, c.message(tags))...)
	}
	if err := c.run(ctx, c.writes, commands...); err != nil {
		return err
	}
	// By the master of the channel, to which all are subscribed. From another one the
	// message would depend on the connection between the two, whose end nobody notices.
	master, err := c.cluster.MasterForKey(ctx, c.channel())
	if err != nil {
		return err
	}
	return master.Process(ctx, c.message(tags))
}
