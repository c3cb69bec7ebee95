package cache

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/problem"
)

// unboundedWrite is how long a write may take whose context has no deadline.
const unboundedWrite = 30 * time.Second

// settling is how long a write may go on in PostgreSQL after its deadline: the
// grace that the driver hook gives, and some more.
const settling = 3 * time.Second

// Write makes a write that changes what the tags stand for. From before the
// write until it is done, no process keeps values of these tags, and tombstones in Redis
// that expire by themselves see to that even where this process is killed in
// between. Where Redis cannot be told, the change is recorded in the store. Where
// that fails too, Change does not write, and returns problem.ErrUnavailable; else
// it returns what write returns.
func (c *Cache) Write(ctx context.Context, tags []string, write func(context.Context) error) error {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = time.Now().Add(unboundedWrite)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	w := writer{token: nonce(), ttl: max(time.Until(deadline), 0) + settling}
	c.versions.bump(tags)
	told := c.tell(ctx, tags, each(w.begin)) == nil
	if !told {
		if err := c.record(ctx, tags, w.ttl); err != nil {
			return err
		}
	}
	err := write(ctx)
	if told { // else what is recorded holds for the whole time of the write
		c.settle(ctx, tags, w, unclear(err))
	}
	c.callOf(ctx).forget() // what it has read meanwhile
	c.versions.bump(tags)
	return err
}

// settle ends a write whose tombstones Redis has. Those of one that may yet be
// committed stay until they expire.
func (c *Cache) settle(ctx context.Context, tags []string, w writer, unclear bool) {
	change, lasts := each(w.end), time.Duration(0)
	if unclear {
		change, lasts = c.drop, w.ttl // the writer stays in the tombstone
	}
	if c.tell(ctx, tags, change) != nil {
		// An error can be ignored: the tombstones in Redis expire by themselves and void the
		// tags, unless Redis loses its data.
		_ = c.record(context.WithoutCancel(ctx), tags, lasts)
	}
}

// Invalidate drops whatever belongs to the tags, for a change that has been made.
// Its error says that other processes may not learn of it.
func (c *Cache) Invalidate(ctx context.Context, tags ...string) error {
	err := c.tell(ctx, tags, c.drop)
	if err != nil {
		err = c.record(context.WithoutCancel(ctx), tags, 0)
	}
	c.versions.bump(tags)
	return err
}

// InvalidateWith sends a command that changes what the tags stand for, such as a put
// into a buffer in Redis, and drops what belongs to them after it. Both take one round
// trip. It reports whether it has dropped it: where it has not, as with a Cluster, whose
// nodes would take their parts in any order, or where Redis could not be told a moment
// ago, call Invalidate once the command has taken effect. The error is the command's.
// After one of ctx the command may still be under way, and must not be read.
func (c *Cache) InvalidateWith(ctx context.Context, first redis.Cmder, tags ...string) (told bool, err error) {
	if c.single == nil || !c.circuit.carries() {
		return false, c.client.Process(ctx, first)
	}
	c.callOf(ctx).forget()
	commands := c.changes(tags, c.drop)
	if err := c.writes.Send(ctx, append([]redis.Cmder{first}, commands...)...); err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if slices.ContainsFunc(commands, func(command redis.Cmder) bool { return command.Err() != nil }) {
		return false, first.Err()
	}
	c.metrics.invalidated(nil)
	c.versions.bump(tags)
	return true, first.Err()
}

// unclear reports whether a write that returned err may still take effect.
func unclear(err error) bool {
	if err == nil {
		return false
	}
	code := problem.CodeOf(err)
	return code == problem.Internal || code == problem.Unavailable
}

// tell brings the tags' change to Redis and to the other processes, even for a
// request that has used up its time.
func (c *Cache) tell(ctx context.Context, tags []string, apply change) error {
	c.callOf(ctx).forget()
	err := errCut
	if c.circuit.carries() {
		err = step(context.WithoutCancel(ctx), func(ctx context.Context) error { return c.announce(ctx, tags, apply) })
		if err != nil {
			c.circuit.unreachable()
		}
	}
	c.metrics.invalidated(err)
	return err
}

// announce makes the change to each tag in Redis, and only then lets the feed
// know: who hears of it must not find a tag as it was before.
func (c *Cache) announce(ctx context.Context, tags []string, apply change) error {
	err := c.scripted(ctx, c.writes, c.changes(tags, apply)...)
	if err != nil || c.single != nil {
		return err
	}
	return c.publish(ctx, encodeNews(c.origin, tags))
}

// changes are the change to each tag, and the news of it.
func (c *Cache) changes(tags []string, apply change) []redis.Cmder {
	generations := make([]string, len(tags))
	for i, tag := range tags {
		generations[i] = c.generationKey(tag)
	}
	commands := apply(generations)
	if c.single != nil { // else the nodes of the cluster would take their parts in any order
		news := redis.NewIntCmd(context.Background(), "publish", c.channel(), encodeNews(c.origin, tags))
		commands = append(commands, news)
	}
	return commands
}

// publish tells the feed by the master that it hangs on. By another one the news
// would depend on the connection between the two, of whose end nobody hears.
func (c *Cache) publish(ctx context.Context, news string) error {
	if cluster, ok := c.options.Client.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, c.channel())
		if err != nil {
			return err
		}
		return master.Publish(ctx, c.channel(), news).Err()
	}
	return c.client.Publish(ctx, c.channel(), news).Err()
}
