package cache

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/vmihailenco/msgpack/v5"
)

const (
	pingInterval     = 250 * time.Millisecond
	heartbeatTimeout = time.Second // without a message or a pong
	maxMissedPings   = int(heartbeatTimeout / pingInterval)
	resubscribeDelay = 100 * time.Millisecond
)

// subscription is how this process learns of the invalidations of others: a channel of
// Redis, which loses what is sent while nobody listens. So silence counts as loss, and
// each new subscription voids memory.
type subscription struct {
	began time.Time    // heard counts from here, since the time of day can go back
	heard atomic.Int64 // when Redis was last heard, ns since began
	tried func()       // the first attempt has succeeded or failed
}

func (s *subscription) hear() { s.heard.Store(int64(time.Since(s.began))) }

// alive reports whether invalidations would have arrived until now.
func (s *subscription) alive(now time.Time) bool {
	return now.Sub(s.began)-time.Duration(s.heard.Load()) < heartbeatTimeout
}

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
	defer c.subscription.tried()
	lost := false
	for ctx.Err() == nil {
		pubsub := c.client.Subscribe(ctx, c.channel())
		_, err := pubsub.ReceiveTimeout(ctx, stepTimeout)
		if err == nil {
			err = c.checkServer(ctx)
		}
		if failed := err != nil; failed != lost {
			lost = failed
			c.voidAll()
		}
		if !lost && c.listen(ctx, pubsub) {
			lost = true
			c.voidAll()
		}
		_ = pubsub.Close()
		if err != nil {
			c.subscription.tried()
			sleep(ctx, resubscribeDelay)
		}
	}
}

// listen voids memory, since earlier messages are lost, and receives messages until the
// connection breaks, or is silent although it was pinged. It counts pings, not time: this
// process may have been the one that slept. It also ends when Redis has another master: the
// old one may live on, and hold this connection.
func (c *Cache) listen(ctx context.Context, pubsub *redis.PubSub) (silent bool) {
	stop := context.AfterFunc(ctx, func() { _ = pubsub.Close() }) // a receive ignores its context
	defer stop()
	c.versions.increment(Everything)
	c.subscription.hear()
	c.subscription.tried()
	server, pings := c.server.Load(), 0
	for c.server.Load() == server {
		received, err := pubsub.ReceiveTimeout(ctx, pingInterval)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			if pings++; pings > maxMissedPings {
				return true
			}
			if pubsub.Ping(ctx, c.origin) != nil {
				return false
			}
			continue
		}
		switch m := received.(type) {
		case *redis.Message:
			c.receive(m.Payload)
		case *redis.Pong:
			if m.Payload != c.origin { // the rest of a message, whose begin was lost in a timeout
				return false
			}
		default: // an error, or the client has subscribed again: messages are lost
			return false
		}
		pings = 0
		c.subscription.hear()
	}
	return false
}

// checkServer voids all entries if another server answers than before, or, of a Cluster or
// of Sentinels, another master: it may lack the last invalidations. A replica is promoted
// only after its master was down for longer than the heartbeat's interval, so no process
// reads a promoted one before the epoch has changed.
func (c *Cache) checkServer(ctx context.Context) error {
	server, err := c.runID(ctx)
	switch {
	case err != nil:
		c.circuit.open("its master does not answer")
	case server != *c.server.Load():
		c.voidAll()
		c.server.Store(&server)
	}
	return err
}

// runID returns the id of the server's process. For a Cluster it stands for all masters.
func (c *Cache) runID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if c.single != nil {
		return runID(ctx, c.single)
	}
	var mu sync.Mutex
	var ids []string
	err := c.cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		id, err := runID(ctx, master)
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, master.Options().Addr+" "+id) // the address, if INFO is not allowed
		return err
	})
	slices.Sort(ids)
	return digest(strings.Join(ids, " ")), err
}

func runID(ctx context.Context, server *redis.Client) (string, error) {
	info, err := server.InfoMap(ctx, "server").Result()
	if _, refused := errors.AsType[redis.Error](err); refused {
		return "", nil // not every server tells, miniredis does not
	}
	return info["Server"]["run_id"], err
}
