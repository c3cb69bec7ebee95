package cache

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/tracing"
)

// query is a look-up in Redis.
type query struct {
	home     string
	entry    string        // the key of the entry
	tagKeys  []string      // the keys of the generations
	inSlot   int           // how many of them, the first ones, lie in the slot of home
	version  uint64        // of the tags in this process, before the query
	request  *requestReads // what it reads next is prefetched; may be nil
	prefetch bool          // even if the entry is found
	unusable bool          // the entry was found, but is expired or of another type: take its lease
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
	hit     bool   // its generations are the current ones
	leased  bool   // the lease is ours
	version uint64 // of its tags in this process, before the query
}

// covers reports whether the reply holds all that the query asks for, and its tags were
// not invalidated since.
func (r *reply) covers(q query) bool {
	if r == nil {
		return false
	}
	entry, read := r.entries[q.entry]
	unknown := func(key string) bool { return r.generations[key] == "" }
	return read && entry.version == q.version && !slices.ContainsFunc(q.tagKeys, unknown)
}

// join returns the generations as an entry has them, or "" if one is unknown or a tombstone.
func (r *reply) join(keys []string) string {
	if r == nil {
		return ""
	}
	text := make([]byte, 0, len(keys)*nonceLength)
	for _, key := range keys {
		generation := r.generations[key]
		if len(generation) != nonceLength {
			return ""
		}
		text = append(text, generation...)
	}
	return string(text)
}

// ask sends a query, in one round trip. It returns nil if Redis does not answer within
// the budget of the request.
func (c *Cache) ask(ctx context.Context, q query) *reply {
	r := &reply{
		token: nonce(), generations: make(map[string]string, len(q.tagKeys)+1), entries: make(map[string]stored, 1),
	}
	if c.read(ctx, func(ctx context.Context) error { return c.readRedis(ctx, q, r) }) != nil {
		return nil
	}
	q.request.learn(q.home, r)
	return r
}

func (c *Cache) readRedis(ctx context.Context, q query, r *reply) error {
	next := c.prefetchFor(q)
	keys := slices.Concat(q.tagKeys[:q.inSlot], []string{q.entry, leaseKey(q.entry)}, next.keys, next.hashes)
	arguments := []any{
		q.inSlot, len(next.keys) / 3, r.token, unusedTTL.Milliseconds(), leaseTTL.Milliseconds(), q.unusable, q.prefetch,
	}
	for _, field := range next.fields {
		arguments = append(arguments, field)
	}
	commands := []redis.Cmder{evalSha(lookScript, keys, arguments...)}
	for _, key := range q.tagKeys[q.inSlot:] { // in other slots
		commands = append(commands, evalSha(lookScript, []string{key}, 1, 0, r.token, unusedTTL.Milliseconds()))
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
			r.parse(q, next, values)
		default:
			r.generations[q.tagKeys[q.inSlot+i-1]] = text(values, 0)
		}
	}
	return nil
}

// parse reads what lookScript returns.
func (r *reply) parse(q query, next prefetched, values []any) {
	if len(values) <= q.inSlot {
		return
	}
	for i, key := range q.tagKeys[:q.inSlot] {
		r.generations[key] = text(values, i)
	}
	at := q.inSlot + 2
	if len(values) < at { // a hit, and nothing else was read
		r.entries[q.entry] = stored{text: text(values, q.inSlot), hit: true, version: q.version}
		return
	}
	state := values[at-1]
	r.entries[q.entry] = stored{text(values, q.inSlot), state == int64(2), state == int64(1), q.version}
	for i := 0; i < len(next.keys); i, at = i+3, at+3 {
		generation, entry := text(values, at), text(values, at+1)
		hit := len(entry) >= headerLength && strings.HasPrefix(entry[headerLength:], generation)
		r.generations[next.keys[i]] = generation
		r.entries[next.keys[i+1]] = stored{entry, hit, values[at+2] == int64(1), next.versions[i/3]}
	}
	if len(next.hashes) > 0 {
		r.fields = make(map[string]string, len(next.hashes))
	}
	for i, key := range next.hashes {
		r.fields[key] = text(values, at+i)
	}
}

func text(values []any, i int) string {
	s, _ := values[i].(string)
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

// send sends fills, in one round trip.
func (c *Cache) send(ctx context.Context, fills []fill) {
	var commands []redis.Cmder
	call := func(ctx context.Context) error {
		commands = nil
		for _, f := range fills {
			keys := append([]string{f.entry, leaseKey(f.entry)}, f.generations...)
			commands = append(commands, evalSha(
				fillScript, keys, f.text, f.ttl.Milliseconds(), f.token, generationMargin.Milliseconds()))
		}
		return c.run(ctx, c.client, commands...)
	}
	err := c.read(ctx, call)
	var leases []fill
	for i, f := range fills {
		if f.token != "" {
			leases = append(leases, fill{entry: f.entry, token: f.token})
		}
		switch {
		case f.text == nil:
		case err != nil:
			f.done(false, err)
		default:
			stored, _ := commands[i].(*redis.Cmd).Int()
			f.done(stored == 1, nil)
		}
	}
	if fills = leases; len(leases) > 0 && errors.Is(err, errBudget) { // this request must not wait; others would
		go func() { _ = c.Call(tracing.With(context.WithoutCancel(ctx), nil), call) }()
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return false
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
