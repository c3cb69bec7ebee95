package cache

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/vmihailenco/msgpack/v5"
)

const (
	feedPing     = 250 * time.Millisecond
	feedSilence  = time.Second // after which nothing in memory is believed for long
	pingsAllowed = int32(feedSilence / feedPing)
	feedPause    = 100 * time.Millisecond
)

// feed is how this process learns what others invalidate: a channel of Redis,
// which forgets whatever is sent while nobody listens. So silence counts as loss,
// and every new subscription begins by voiding what is in memory.
type feed struct {
	began time.Time    // what heard counts from, since the time of day can go back
	heard atomic.Int64 // when Redis was last heard of, ns since began
	pings atomic.Int32 // sent since then
	ends  atomic.Pointer[context.CancelFunc]
}

// leave ends the subscription, so that another one begins.
func (f *feed) leave() {
	if end := f.ends.Load(); end != nil {
		(*end)()
	}
}

func (f *feed) hears() {
	f.heard.Store(int64(time.Since(f.began)))
	f.pings.Store(0)
}

// alive reports whether news would have come in until now.
func (f *feed) alive(now time.Time) bool {
	return now.Sub(f.began)-time.Duration(f.heard.Load()) < feedSilence
}

// silent reports whether Redis leaves pings without an answer. It goes by their
// number: this process may have been the one that slept.
func (f *feed) silent() bool { return f.pings.Load() > pingsAllowed }

// news is a message of the feed.
type news struct {
	Origin string // who sends it
	Tags   []string
}

func encodeNews(origin string, tags []string) string {
	message, _ := msgpack.Marshal(news{origin, tags}) // strings alone never fail
	return string(message)
}

// hear takes in a message. What this process has sent it knows already; what it
// cannot read may be about anything.
func (c *Cache) hear(message string) {
	var n news
	switch err := unmarshal(message, &n); {
	case err != nil:
		c.versions.bumpAll()
	case n.Origin != c.origin:
		c.versions.bump(n.Tags)
	}
}

// follow subscribes, again and again until ctx ends. While it cannot hear, Redis may
// lose what others tell it, or others may end before they can tell it. So what Redis
// holds is void as soon as the feed is lost, and once more when it is back.
func (c *Cache) follow(ctx context.Context) {
	deaf := false
	for ctx.Err() == nil {
		subscription := c.client.Subscribe(ctx, c.channel())
		now, err := c.subscribed(ctx, subscription)
		switch {
		case err != nil && !deaf:
			c.voidAll()
		case err == nil && (deaf || now != *c.server.Load()): // another server may have lost what it was told
			c.voidAll()
		}
		if deaf = err != nil; !deaf {
			c.server.Store(&now)
			c.listen(ctx, subscription)
			if deaf = c.feed.silent(); deaf {
				c.voidAll()
			}
		}
		_ = subscription.Close()
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(feedPause):
			}
		}
	}
}

// subscribed waits until the subscription stands, and returns which server it is
// that answers.
func (c *Cache) subscribed(ctx context.Context, subscription *redis.PubSub) (server string, err error) {
	if _, err := subscription.ReceiveTimeout(ctx, stepTimeout); err != nil {
		return "", err
	}
	err = step(ctx, func(ctx context.Context) (err error) {
		server, err = c.runID(ctx)
		return err
	})
	return server, err
}

// listen voids what is in memory, since what was sent before is lost, and hears
// messages until the connection breaks or is silent for too long.
func (c *Cache) listen(ctx context.Context, subscription *redis.PubSub) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.feed.ends.Store(&cancel)
	c.versions.bumpAll()
	c.feed.hears()
	c.work.Go(func() { c.ping(ctx, subscription) })
	for {
		received, err := subscription.Receive(ctx)
		if err != nil {
			return
		}
		if message, ok := received.(*redis.Message); ok {
			c.hear(message.Payload)
		} else if _, again := received.(*redis.Subscription); again {
			return // it has reconnected by itself, and what was sent meanwhile is lost
		}
		c.feed.hears()
	}
}

// ping makes Redis answer on the feed's connection, and closes it when it does not.
func (c *Cache) ping(ctx context.Context, subscription *redis.PubSub) {
	defer func() { _ = subscription.Close() }() // wakes the receiver, which heeds no context
	ticker := time.NewTicker(feedPing)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.feed.pings.Add(1)
			if c.feed.silent() || subscription.Ping(ctx) != nil {
				return
			}
		}
	}
}
