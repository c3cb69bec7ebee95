package cache

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/vmihailenco/msgpack/v5"
)

const (
	pingInterval     = 250 * time.Millisecond
	heartbeatTimeout = time.Second // without a message or a pong
	maxMissedPings   = int32(heartbeatTimeout / pingInterval)
	resubscribeDelay = 100 * time.Millisecond
)

// subscription is how this process learns of the invalidations of others: a channel of
// Redis, which loses what is sent while nobody listens. So silence counts as loss, and
// each new subscription voids memory.
type subscription struct {
	began  time.Time    // heard counts from here, since the time of day can go back
	heard  atomic.Int64 // when Redis was last heard, ns since began
	pings  atomic.Int32 // sent since then
	cancel atomic.Pointer[context.CancelFunc]
}

func (s *subscription) hear() {
	s.heard.Store(int64(time.Since(s.began)))
	s.pings.Store(0)
}

// alive reports whether invalidations would have arrived until now.
func (s *subscription) alive(now time.Time) bool {
	return now.Sub(s.began)-time.Duration(s.heard.Load()) < heartbeatTimeout
}

// timedOut reports whether Redis has not answered pings. It goes by their number, not by
// time: this process may have been the one that slept.
func (s *subscription) timedOut() bool { return s.pings.Load() > maxMissedPings }

// invalidation is a message of the channel.
type invalidation struct {
	Origin string // the process that sends it
	Tags   []string
}

// channel is the name of the channel. Channels are not divided by database as keys are.
func (c *Cache) channel() string {
	if c.single != nil {
		return c.options.Prefix + "feed:" + strconv.Itoa(c.single.Options().DB)
	}
	return c.options.Prefix + "feed"
}

// message is the command that tells other processes of an invalidation.
func (c *Cache) message(tags []string) redis.Cmder {
	text, _ := msgpack.Marshal(invalidation{c.origin, tags}) // strings never fail
	return redis.NewIntCmd(context.Background(), "publish", c.channel(), text)
}

func (c *Cache) receive(message string) {
	var m invalidation
	switch err := unmarshal(message, &m); {
	case err != nil: // may be about anything
		c.versions.increment(Everything)
	case m.Origin != c.origin:
		c.versions.increment(m.Tags...)
	}
}

// subscribe subscribes, again and again until ctx ends. Without a subscription, other
// processes may have lost Redis as well, and may end before they can tell it of their
// writes. So all entries in Redis are void once the subscription is lost, and once more
// when it is back.
func (c *Cache) subscribe(ctx context.Context) {
	lost := false
	for ctx.Err() == nil {
		pubsub, server := c.client.Subscribe(ctx, c.channel()), ""
		_, err := pubsub.ReceiveTimeout(ctx, stepTimeout)
		if err == nil {
			server, err = c.runID(ctx)
		}
		if err != nil && !lost || err == nil && (lost || server != *c.server.Load()) {
			c.voidAll() // another server may have lost invalidations
		}
		if lost = err != nil; !lost {
			c.server.Store(&server)
			c.listen(ctx, pubsub)
			if lost = c.subscription.timedOut(); lost {
				c.voidAll()
			}
		}
		_ = pubsub.Close()
		if err != nil {
			sleep(ctx, resubscribeDelay)
		}
	}
}

// listen voids memory, since earlier messages are lost, and receives messages until the
// connection breaks or is silent for too long.
func (c *Cache) listen(ctx context.Context, pubsub *redis.PubSub) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.subscription.cancel.Store(&cancel)
	c.versions.increment(Everything)
	c.subscription.hear()
	c.work.Go(func() { c.ping(ctx, pubsub) })
	for {
		received, err := pubsub.Receive(ctx)
		if err != nil {
			return
		}
		switch m := received.(type) {
		case *redis.Message:
			c.receive(m.Payload)
		case *redis.Subscription: // the client has reconnected, and lost messages
			return
		}
		c.subscription.hear()
	}
}

// ping makes Redis answer on the connection of the subscription, and closes it if it does not.
func (c *Cache) ping(ctx context.Context, pubsub *redis.PubSub) {
	defer func() { _ = pubsub.Close() }() // ends Receive, which ignores its context
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.subscription.pings.Add(1)
			if c.subscription.timedOut() || pubsub.Ping(ctx) != nil {
				return
			}
		}
	}
}
