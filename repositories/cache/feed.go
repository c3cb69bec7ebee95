package cache

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	feedPing     = 250 * time.Millisecond
	feedSilence  = time.Second // after which nothing in memory is believed for long
	feedPatience = time.Second // for one try to subscribe
	feedPause    = 100 * time.Millisecond
)

// feed is how this process learns what others invalidate: a channel of Redis,
// which forgets whatever is sent while nobody listens. So silence counts as loss,
// and every new subscription begins by voiding what is in memory.
type feed struct {
	heard atomic.Int64 // when Redis was last heard of, Unix ns
}

// alive reports whether news would have come in until now.
func (f *feed) alive(now time.Time) bool { return now.UnixNano()-f.heard.Load() < int64(feedSilence) }

// encodeNews is a message of the feed: who sends it, and the tags.
func encodeNews(origin string, tags []string) string {
	return origin + "\n" + strings.Join(tags, "\n")
}

// hear takes in a message. What this process has sent it knows already.
func (c *Cache) hear(message string) {
	origin, tags, _ := strings.Cut(message, "\n")
	if origin != c.origin {
		c.stamps.bump(strings.Split(tags, "\n"))
	}
}

// follow subscribes, again and again until ctx ends.
func (c *Cache) follow(ctx context.Context) {
	var server string
	for first := true; ctx.Err() == nil; first = false {
		subscription := c.client.Subscribe(ctx, c.channel())
		now, err := c.subscribed(ctx, subscription)
		switch {
		case err != nil:
			c.trust.lose() // others may have been cut off too, and have written
		case !first && now != server:
			c.trust.lose() // another server has taken over, and may have lost what it was told
		}
		if err == nil {
			server = now
			c.listen(ctx, subscription)
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

// subscribed waits until the subscription stands, voids what is in memory, and
// returns which server it is that answers.
func (c *Cache) subscribed(ctx context.Context, subscription *redis.PubSub) (server string, err error) {
	ctx, cancel := context.WithTimeout(ctx, feedPatience)
	defer cancel()
	if _, err := subscription.ReceiveTimeout(ctx, feedPatience); err != nil {
		return "", err
	}
	c.stamps.bumpAll()
	c.feed.heard.Store(time.Now().UnixNano())
	return c.runID(ctx)
}

// listen hears messages until the connection breaks or is silent for too long.
func (c *Cache) listen(ctx context.Context, subscription *redis.PubSub) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go c.ping(ctx, subscription)
	for {
		news, err := subscription.Receive(ctx)
		if err != nil {
			return
		}
		if message, ok := news.(*redis.Message); ok {
			c.hear(message.Payload)
		} else if _, again := news.(*redis.Subscription); again {
			return // it has reconnected by itself, and what was sent meanwhile is lost
		}
		c.feed.heard.Store(time.Now().UnixNano())
	}
}

// ping makes Redis answer on the feed's connection, and closes it when it does not.
func (c *Cache) ping(ctx context.Context, subscription *redis.PubSub) {
	ticker := time.NewTicker(feedPing)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = subscription.Close() // wakes the receiver, which heeds no context
			return
		case now := <-ticker.C:
			if !c.feed.alive(now) || subscription.Ping(ctx) != nil {
				_ = subscription.Close()
				return
			}
		}
	}
}

// runID names the server's process, where the client speaks to just one.
func (c *Cache) runID(ctx context.Context) (string, error) {
	if _, single := c.client.(*redis.Client); !single {
		return "", nil
	}
	info, err := c.client.InfoMap(ctx, "server").Result()
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return "", err
		}
		return "", nil // not every server tells, miniredis for one
	}
	return info["Server"]["run_id"], nil
}
