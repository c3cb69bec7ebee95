package cache

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/services/tracing"
)

// query is one look at Redis, for a value of that home.
type query struct {
	home        string
	entry       string   // the key of its entry
	generations []string // the keys of its tags' generations
	local       int      // how many of these lie in the slot of home
	version     uint64   // of its tags, before this look
	again       bool     // what was found under these generations would not do
	call        *call    // what it reads next is read as well, unless this is found; may be nil
	onHit       bool     // even if it is found
}

// answer is what Redis says to a query.
type answer struct {
	token       string            // of the leases, and of the generations that were made
	generations map[string]string // by key: a nonce, or a tombstone
	entries     map[string]found  // by key
	fields      map[string]string // of hashes, by the hash's key; "" where there is none
}

// found is what Redis has under an entry's key.
type found struct {
	text    string // "" where there is none
	hit     bool   // it is of the generations that hold
	owned   bool   // the lease is the caller's
	version uint64 // of its tags in this process, before it was read
}

// covers reports whether this is an answer to the query, too: not once this process has
// heard that a tag has changed since.
func (a *answer) covers(q query) bool {
	if a == nil {
		return false
	}
	found, read := a.entries[q.entry]
	unknown := func(key string) bool { return a.generations[key] == "" }
	return read && found.version == q.version && !slices.ContainsFunc(q.generations, unknown)
}

// nonces returns the generations, one after the other, or "" where one is not known
// or somebody writes.
func (a *answer) nonces(keys []string) string {
	text := make([]byte, 0, len(keys)*nonceLength)
	for _, key := range keys {
		generation := a.generations[key]
		if len(generation) != nonceLength {
			return ""
		}
		text = append(text, generation...)
	}
	return string(text)
}

// lookUp asks Redis, in one round trip. It returns nil where Redis does not answer
// within the request's budget.
func (c *Cache) lookUp(ctx context.Context, q query) *answer {
	a := &answer{
		token: nonce(), generations: make(map[string]string, len(q.generations)+1), entries: make(map[string]found, 1),
	}
	if c.ask(ctx, func(ctx context.Context) error { return c.read(ctx, q, a) }) != nil {
		return nil
	}
	q.call.learn(q.home, a)
	return a
}

func (c *Cache) read(ctx context.Context, q query, a *answer) error {
	next := c.next(q)
	keys := slices.Concat(q.generations[:q.local], []string{q.entry, leaseKey(q.entry)}, next.keys, next.hashes)
	arguments := []any{
		q.local, len(next.keys) / 3, a.token, newTTL.Milliseconds(), leaseTTL.Milliseconds(), q.again, q.onHit,
	}
	for _, field := range next.fields {
		arguments = append(arguments, field)
	}
	commands := []redis.Cmder{evalSha(lookScript, keys, arguments...)}
	for _, key := range q.generations[q.local:] {
		commands = append(commands, evalSha(lookScript, []string{key}, 1, 0, a.token, newTTL.Milliseconds()))
	}
	if err := c.scripted(ctx, c.client, commands...); err != nil {
		return err
	}
	for i, command := range commands {
		reply, err := command.(*redis.Cmd).Slice()
		switch {
		case err != nil:
			return err
		case i == 0:
			a.take(q, next, reply)
		default:
			a.generations[q.generations[q.local+i-1]] = text(reply, 0)
		}
	}
	return nil
}

// take reads what the script has returned.
func (a *answer) take(q query, next ahead, reply []any) {
	if len(reply) <= q.local {
		return
	}
	for i, key := range q.generations[:q.local] {
		a.generations[key] = text(reply, i)
	}
	if len(reply) == q.local+1 {
		a.entries[q.entry] = found{text: text(reply, q.local), hit: true, version: q.version}
		return
	}
	owned := func(i int) bool { return reply[i] == int64(1) }
	a.entries[q.entry] = found{text(reply, q.local), reply[q.local+1] == int64(2), owned(q.local + 1), q.version}
	at := q.local + 2
	for i := 0; i < len(next.keys); i += 3 {
		generation, entry := text(reply, at+i), text(reply, at+i+1)
		a.generations[next.keys[i]] = generation
		a.entries[next.keys[i+1]] = found{entry, isOf(entry, generation), owned(at + i + 2), next.versions[i/3]}
	}
	at += len(next.keys)
	for i, key := range next.hashes {
		if a.fields == nil {
			a.fields = make(map[string]string, len(next.hashes))
		}
		a.fields[key] = text(reply, at+i)
	}
}

// isOf reports whether the generation is the first one of the entry.
func isOf(entry, generation string) bool {
	return len(entry) >= headerLength && strings.HasPrefix(entry[headerLength:], generation)
}

func text(reply []any, i int) string {
	s, _ := reply[i].(string)
	return s
}

// fill is a value on its way to Redis.
type fill struct {
	entryKey, token string
	generations     []string // keys that lie with the entry
	entry           []byte
	ttl             time.Duration
	kept            func(yes bool, err error) // is told what became of it
}

func (f fill) command() redis.Cmder {
	keys := append([]string{f.entryKey, leaseKey(f.entryKey)}, f.generations...)
	return evalSha(fillScript, keys, f.entry, f.ttl.Milliseconds(), f.token, outliving.Milliseconds())
}

// store sends fills, in one round trip.
func (c *Cache) store(ctx context.Context, fills []fill) {
	var sent []redis.Cmder
	send := func(ctx context.Context) error {
		sent = nil
		for _, f := range fills {
			sent = append(sent, f.command())
		}
		return c.scripted(ctx, c.client, sent...)
	}
	err := c.ask(ctx, send)
	var leases []fill
	for i, f := range fills {
		switch {
		case f.entry == nil:
		case err != nil:
			f.kept(false, err)
		default:
			kept, _ := sent[i].(*redis.Cmd).Int()
			f.kept(kept == 1, nil)
		}
		if f.token != "" {
			leases = append(leases, fill{entryKey: f.entryKey, token: f.token})
		}
	}
	if fills = leases; len(leases) > 0 && errors.Is(err, errBudget) { // the request may not wait for it, but others would
		go func() { _ = c.Call(tracing.With(context.WithoutCancel(ctx), nil), send) }()
	}
}

// release gives leases back, so that the next reader need not wait for their end.
func (c *Cache) release(ctx context.Context, token string, entryKeys ...string) {
	fills := make([]fill, len(entryKeys))
	for i, key := range entryKeys {
		fills[i] = fill{entryKey: key, token: token}
	}
	c.store(context.WithoutCancel(ctx), fills)
}

// leasePatience is what a process waits for another one's load.
const leasePatience = 500 * time.Millisecond

// patience is that of who waits for another process's load.
type patience struct {
	end  time.Time
	last time.Duration
}

// pause waits a little longer each time. It reports false once patience is over.
func (p *patience) pause(ctx context.Context) bool {
	if p.end.IsZero() {
		p.end, p.last = time.Now().Add(leasePatience), time.Millisecond
	}
	p.last = min(2*p.last, 40*time.Millisecond)
	wait := min(p.last/2+rand.N(p.last), time.Until(p.end)) //nolint:gosec // not all at once, no more
	if wait <= 0 {
		return false
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
