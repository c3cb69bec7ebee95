package cache

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/tracing"
)

// item is an entry in Redis that a look-up asks for.
type item struct {
	entry       string   // its key
	generations []string // their keys: those in the slot of the entry
	version     uint64   // of the tags in this process, before the look-up
}

// query is a look-up in Redis.
type query struct {
	item
	home          string
	elsewhere     []string      // the keys of the generations in other slots
	request       *requestReads // what it reads next is prefetched; may be nil
	prefetchOnHit bool          // read what is prefetched even if the entry is found
	unusable      bool          // the entry was found, but is expired or of another type: take its lease
}

// reply is what Redis answers to a query.
type reply struct {
	token       string            // of the leases, and of new generations
	generations map[string]string // by key: a nonce or a tombstone
	entries     map[string]stored // by key
	fields      map[string]string // of hashes, by the hash's key; "" if absent
}

// stored is an entry in Redis.
type stored struct {
	text    string // "" if absent
	state   int64
	version uint64 // of its tags in this process, before the query
}

// The states that lookScript returns, besides 0.
const (
	stateLeased int64 = 1 // the lease is ours
	stateHit    int64 = 2 // the generations are the current ones
)

// covers reports whether the reply holds all that the query asks for, and its tags were
// not invalidated since.
func (r *reply) covers(q query) bool {
	if r == nil {
		return false
	}
	entry, read := r.entries[q.entry]
	known := func(keys []string) bool {
		return !slices.ContainsFunc(keys, func(key string) bool { return r.generations[key] == "" })
	}
	return read && entry.version == q.version && known(q.generations) && known(q.elsewhere)
}

// generationsOf returns the generations as an entry has them, or "" if one is unknown or a
// tombstone.
func (r *reply) generationsOf(q query) string {
	if r == nil {
		return ""
	}
	text := make([]byte, 0, (len(q.generations)+len(q.elsewhere))*nonceLength)
	for _, keys := range [][]string{q.generations, q.elsewhere} {
		for _, key := range keys {
			generation := r.generations[key]
			if len(generation) != nonceLength {
				return ""
			}
			text = append(text, generation...)
		}
	}
	return string(text)
}

// ask sends a query, in one round trip. It returns nil if Redis does not answer within
// the budget of the request.
func (c *Cache) ask(ctx context.Context, q query) *reply {
	r := &reply{
		token: nonce(), generations: make(map[string]string, len(q.generations)+1), entries: make(map[string]stored, 1),
	}
	if c.read(ctx, func(ctx context.Context) error { return c.readRedis(ctx, q, r) }) != nil {
		return nil
	}
	q.request.learn(q.home, r)
	return r
}

func (c *Cache) readRedis(ctx context.Context, q query, r *reply) error {
	items, hashes, fields := c.appendPrefetched(append(make([]item, 0, 4), q.item), q)
	keys := make([]string, 0, len(q.generations)+3*len(items)+len(hashes))
	arguments := append(make([]any, 0, 12), // of usual length, on the stack
		r.token, unusedTTL.Milliseconds(), leaseTTL.Milliseconds(), q.unusable, q.prefetchOnHit, len(items))
	for _, item := range items {
		keys = append(append(keys, item.generations...), item.entry, leaseKey(item.entry))
		arguments = append(arguments, len(item.generations))
	}
	commands := []redis.Cmder{evalSha(lookScript, append(keys, hashes...), append(arguments, fields...)...)}
	for _, key := range q.elsewhere {
		commands = append(commands, evalSha(lookScript, []string{key}, r.token, unusedTTL.Milliseconds(), 0, 0, 0, 1, 1))
	}
	if err := c.run(ctx, c.client, commands...); err != nil {
		return err
	}
	for i, command := range commands {
		values, err := command.(*redis.Cmd).Slice()
		switch {
		case err != nil:
			return err
		case i == 0:
			r.parse(items, hashes, values)
		default:
			r.generations[q.elsewhere[i-1]] = text(values[0])
		}
	}
	return nil
}

// parse reads what lookScript returns: all of it, or only the first item.
func (r *reply) parse(items []item, hashes []string, values []any) {
	for _, item := range items {
		if len(values) == 0 {
			return
		}
		n := len(item.generations)
		for i, key := range item.generations {
			r.generations[key] = text(values[i])
		}
		state, _ := values[n+1].(int64)
		r.entries[item.entry] = stored{text(values[n]), state, item.version}
		values = values[n+2:]
	}
	if len(values) > 0 {
		r.fields = make(map[string]string, len(hashes))
		for i, key := range hashes {
			r.fields[key] = text(values[i])
		}
	}
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// fill is an entry on its way to Redis. Without a text it only returns the lease.
type fill struct {
	entry, token string
	generations  []string // the keys of those in the slot of the entry
	text         []byte
	ttl          time.Duration
	done         func(stored bool, err error)
}

// send sends fills, in one round trip. A request that has used up its budget does not wait
// for that, but leases must be returned, since others wait for them.
func (c *Cache) send(ctx context.Context, fills []fill) {
	commands := make([]redis.Cmder, len(fills))
	err := c.read(ctx, func(ctx context.Context) error {
		for i, f := range fills {
			keys := append([]string{f.entry, leaseKey(f.entry)}, f.generations...)
			commands[i] = evalSha(fillScript, keys, f.text, f.ttl.Milliseconds(), f.token, generationMargin.Milliseconds())
		}
		return c.run(ctx, c.client, commands...)
	})
	if errors.Is(err, errBudget) {
		go c.send(tracing.With(context.WithoutCancel(ctx), nil), fills)
		return
	}
	for i, f := range fills {
		switch {
		case f.text == nil:
		case err != nil:
			f.done(false, err)
		default:
			stored, _ := commands[i].(*redis.Cmd).Int()
			f.done(stored == 1, nil)
		}
	}
}
