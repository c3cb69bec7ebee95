package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services"
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
	reached     bool // Redis answered so far; else there is no lease to be had
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
		if l.generations = values(marks); err != nil && !errors.Is(err, redis.Nil) {
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

func texts(commands []*redis.Cmd) []string {
	texts := make([]string, len(commands))
	for i, command := range commands {
		texts[i], _ = command.Text()
	}
	return texts
}

// claim tries to take the lease, notes the generations anew, making those that
// are missing, and returns the entry: the lease is free also where it has just
// been filled.
func (c *Cache) claim(ctx context.Context, l *lease) (entry string, err error) {
	l.token = nonce()
	err = c.ask(ctx, func(ctx context.Context) error {
		var marks []*redis.Cmd
		var taken *redis.BoolCmd
		var found *redis.StringCmd
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			marks = c.makeGenerations(ctx, p, l.tags)
			taken = p.SetNX(ctx, leaseKey(l.key), l.token, leaseTTL)
			found = p.Get(ctx, l.key)
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		l.generations = texts(marks)
		l.owned, entry = taken.Val(), found.Val()
		return nil
	})
	l.reached = err == nil
	return entry, err
}

func (c *Cache) makeGenerations(ctx context.Context, p redis.Pipeliner, tags []string) []*redis.Cmd {
	marks := make([]*redis.Cmd, 0, 1+len(tags))
	for _, tag := range append([]string{Everything}, tags...) {
		k, ttl := c.tagKeys(tag), newTTL
		if tag == Everything {
			ttl = epochTTL
		}
		marks = append(marks, p.Eval(ctx, claimScript, []string{k.generation, k.writers}, nonce(), ttl.Milliseconds()))
	}
	return marks
}

// renewGenerations returns them, and makes them last at least that long.
func (c *Cache) renewGenerations(
	ctx context.Context, p redis.Pipeliner, tags []string, ttl time.Duration,
) []*redis.Cmd {
	marks := make([]*redis.Cmd, 0, 1+len(tags))
	for _, tag := range append([]string{Everything}, tags...) {
		marks = append(marks, p.Eval(ctx, renewScript, []string{c.tagKeys(tag).generation}, ttl.Milliseconds()))
	}
	return marks
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
// not if there is no lease, or no more, nor if a generation has moved since it
// was taken. Where Redis does not say, nothing speaks against the entry, but the
// lease is no longer one that reached Redis.
func (c *Cache) fill(ctx context.Context, l *lease, entry []byte, ttl time.Duration) bool {
	if !l.owned || !l.whole() {
		return false
	}
	var marks []*redis.Cmd
	var kept *redis.Cmd
	err := c.ask(ctx, func(ctx context.Context) error {
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			marks = c.renewGenerations(ctx, p, l.tags, ttl+outliving)
			kept = p.Eval(ctx, fillScript, []string{l.key, leaseKey(l.key)}, l.token, entry, ttl.Milliseconds())
			return nil
		})
		return err
	})
	if err != nil {
		l.reached = false
		return true
	}
	l.owned = false
	if !slices.Equal(texts(marks), l.generations) {
		return false
	}
	n, _ := kept.Int()
	return n == 1
}

// release gives the lease back, so that the next reader need not wait for its end.
func (c *Cache) release(ctx context.Context, l *lease) {
	l.owned = false
	ctx = context.WithoutCancel(ctx)
	giveBack := func(ctx context.Context) error {
		return c.client.Eval(ctx, fillScript, []string{l.key, leaseKey(l.key)}, l.token, "", 0).Err()
	}
	if errors.Is(c.Ask(ctx, giveBack), errBudget) { // the request may not wait for it, but others would
		go func() { _ = c.Ask(services.WithTrace(ctx, nil), giveBack) }()
	}
}

// await polls for the value that the lease's holder is loading, until usable
// takes it, the lease becomes free, a write begins, or patience ends.
func (c *Cache) await(ctx context.Context, l *lease, usable func(entry string) bool) bool {
	patience, cancel := context.WithTimeout(ctx, leasePatience)
	defer cancel()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 40*time.Millisecond) {
		select {
		case <-patience.Done():
			return false
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // not all at once, no more
		}
		entry, err := c.claim(ctx, l)
		switch {
		case err != nil:
			return false
		case usable(entry):
			return true
		case l.owned || !l.whole(): // nothing that is being loaded now will be kept
			return false
		}
	}
}
