package cache

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	leaseTTL      = 5 * time.Second        // longer than loads should take
	leasePatience = 500 * time.Millisecond // what a process waits for another one's load
)

// A lease is the right to fill one key. It is taken before the load, with the
// generations of that moment, which go into the entry: so what is loaded before
// a write cannot be taken for what is there after. Of all processes, one holds
// the key's lease; the others wait for its value, for a while.
type lease struct {
	key         string // of the entry, in Redis
	tags        []string
	generations []string // the epoch's first, then the tags'; "" while somebody writes
	token       string
	owned       bool // and not yet ended; who does not own it keeps nothing in Redis
	reached     bool // Redis answered; else there is no lease to be had
}

func (c *Cache) entryKey(table, key string) string {
	return c.prefix + "{" + table + ":" + name(key) + "}"
}

func leaseKey(key string) string { return key + ":lease" }

// fillScript stores an entry if the lease on it is still the caller's, and ends
// the lease. An empty entry only ends it.
const fillScript = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`

// read returns the entry under the lease's key, and notes the generations, all
// in one round trip.
func (c *Cache) read(ctx context.Context, l *lease) (entry string, err error) {
	err = c.ask(ctx, func(ctx context.Context) error {
		var found *redis.StringCmd
		var marks []*redis.StringCmd
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			marks = c.readGenerations(ctx, p, l.tags)
			found = p.Get(ctx, l.key)
			return nil
		})
		if l.generations = values(marks); err != nil && err != redis.Nil {
			return err
		}
		entry = found.Val()
		return nil
	})
	l.reached = err == nil
	return entry, err
}

func (c *Cache) readGenerations(ctx context.Context, p redis.Pipeliner, tags []string) []*redis.StringCmd {
	marks := make([]*redis.StringCmd, 0, 1+len(tags))
	marks = append(marks, p.Get(ctx, c.tagKeys(Everything).generation))
	for _, tag := range tags {
		marks = append(marks, p.Get(ctx, c.tagKeys(tag).generation))
	}
	return marks
}

func values(commands []*redis.StringCmd) []string {
	texts := make([]string, len(commands))
	for i, command := range commands {
		texts[i] = command.Val()
	}
	return texts
}

// claim tries to take the lease, and makes the generations that are missing.
func (c *Cache) claim(ctx context.Context, l *lease) error {
	l.token = nonce()
	return c.ask(ctx, func(ctx context.Context) error {
		made := make([]*redis.Cmd, len(l.generations))
		var taken *redis.BoolCmd
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, tag := range append([]string{Everything}, l.tags...) {
				if l.generations[i] == "" {
					k := c.tagKeys(tag)
					made[i] = p.Eval(ctx, claimScript, []string{k.generation, k.writers}, nonce(), generationTTL.Milliseconds())
				}
			}
			taken = p.SetNX(ctx, leaseKey(l.key), l.token, leaseTTL)
			return nil
		})
		if err != nil && err != redis.Nil {
			return err
		}
		for i, command := range made {
			if command != nil {
				l.generations[i], _ = command.Text()
			}
		}
		l.owned = taken.Val()
		return nil
	})
}

// whole reports whether no tag of the lease was being written when it was taken.
func (l *lease) whole() bool {
	for _, g := range l.generations {
		if len(g) != nonceLength {
			return false
		}
	}
	return len(l.generations) > 0
}

// fill stores the entry and ends the lease. It reports whether the entry counts:
// not if the lease is lost, nor if a generation has moved since it was taken.
func (c *Cache) fill(ctx context.Context, l *lease, entry []byte, ttl time.Duration) bool {
	var marks []*redis.StringCmd
	var kept *redis.Cmd
	err := c.ask(ctx, func(ctx context.Context) error {
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			marks = c.readGenerations(ctx, p, l.tags)
			kept = p.Eval(ctx, fillScript, []string{l.key, leaseKey(l.key)}, l.token, entry, ttl.Milliseconds())
			return nil
		})
		return err
	})
	if err != nil {
		return false
	}
	l.owned = false
	for i, g := range values(marks) {
		if g != l.generations[i] {
			return false
		}
	}
	n, _ := kept.Int()
	return n == 1
}

// release gives the lease back, so that the next reader need not wait for its end.
func (c *Cache) release(ctx context.Context, l *lease) {
	l.owned = false
	_ = c.ask(context.WithoutCancel(ctx), func(ctx context.Context) error {
		return c.client.Eval(ctx, fillScript, []string{l.key, leaseKey(l.key)}, l.token, "", 0).Err()
	})
}

// await polls for the value that the lease's holder is loading, until usable
// takes it, the lease becomes free, or patience ends.
func (c *Cache) await(ctx context.Context, l *lease, usable func(entry string) bool) bool {
	patience, cancel := context.WithTimeout(ctx, leasePatience)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 40*time.Millisecond) {
		select {
		case <-patience.Done():
			return false
		case <-time.After(pause/2 + rand.N(pause)): // not all at once
		}
		entry, err := c.read(ctx, l)
		if err != nil {
			return false
		}
		if usable(entry) {
			return true
		}
		if c.claim(ctx, l) != nil || l.owned {
			return false
		}
	}
}
