package cache

import (
	"context"
	"strings"
	"sync"

	"example.com/prefab/services/tracing"
)

// requestReads is what one request has read from Redis and loaded while its reads are
// joined. A nil one has read nothing.
type requestReads struct {
	cache *Cache

	mu      sync.Mutex
	depth   int                  // of nested calls of Join
	replies map[string]*reply    // the last, by home
	leases  map[string]string    // tokens, by the entry's key
	values  map[memoryKey]*entry // that were loaded
	fills   []fill
}

// Join joins the reads of ctx's request until end is called: all that they load is stored
// in one round trip, and each look-up prefetches the tables with [TableOptions.Prefetch].
// Without a tracing.Trace in ctx it does nothing.
func (c *Cache) Join(ctx context.Context) (end func()) {
	r := c.requestInTrace(ctx)
	if r == nil {
		return func() {}
	}
	r.locked(func() { r.depth++ })
	return func() { r.end(ctx) }
}

func (c *Cache) requestInTrace(ctx context.Context) *requestReads {
	trace := tracing.From(ctx)
	if trace == nil {
		return nil
	}
	r, _ := trace.Memo(func() any { return &requestReads{cache: c} }).(*requestReads)
	if r == nil || r.cache != c {
		return nil
	}
	return r
}

// requestOf returns the reads of ctx's request if they are joined, or nil.
func (c *Cache) requestOf(ctx context.Context) *requestReads {
	r, joined := c.requestInTrace(ctx), false
	if r.locked(func() { joined = r.depth > 0 }); !joined {
		return nil
	}
	return r
}

func (r *requestReads) end(ctx context.Context) {
	r.mu.Lock()
	var fills []fill
	if r.depth--; r.depth == 0 {
		fills = r.fills
		for key, token := range r.leases { // of what was prefetched and not loaded
			fills = append(fills, fill{entry: key, token: token})
		}
		r.fills, r.replies, r.leases, r.values = nil, nil, nil, nil
	}
	r.mu.Unlock()
	if len(fills) > 0 {
		r.cache.send(context.WithoutCancel(ctx), fills)
	}
}

// locked runs do, unless the request is nil.
func (r *requestReads) locked(do func()) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

// forget drops what was read, since the request itself changes it.
func (r *requestReads) forget() { r.locked(func() { r.replies, r.values = nil, nil }) }

func (r *requestReads) reply(home string) (got *reply) {
	r.locked(func() { got = r.replies[home] })
	return got
}

// learn keeps a reply, and the leases that came with it.
func (r *requestReads) learn(home string, got *reply) {
	r.locked(func() {
		if r.depth == 0 {
			return
		}
		put(&r.replies, home, got)
		for key, entry := range got.entries {
			if entry.state == stateLeased {
				put(&r.leases, key, got.token)
			}
		}
	})
}

// takeLease returns the token of the entry's lease, if the request has it. The caller
// then has to return the lease.
func (r *requestReads) takeLease(got *reply, entry string) (token string) {
	if r == nil && got.entries[entry].state == stateLeased {
		return got.token
	}
	r.locked(func() {
		token = r.leases[entry]
		delete(r.leases, entry)
	})
	return token
}

func (r *requestReads) hasLease(entry string) (yes bool) {
	r.locked(func() { yes = r.leases[entry] != "" })
	return yes
}

func (r *requestReads) value(place memoryKey) (e *entry) {
	r.locked(func() { e = r.values[place] })
	return e
}

func (r *requestReads) hold(place memoryKey, e *entry) {
	r.locked(func() { put(&r.values, place, e) })
}

// put makes the map only if something is put into it.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V, 2)
	}
	(*m)[key] = value
}

// later has the fill sent when the joined reads end. It returns false if they are not joined.
func (r *requestReads) later(f fill) (yes bool) {
	r.locked(func() {
		if yes = r.depth > 0; yes {
			r.fills = append(r.fills, f)
		}
	})
	return yes
}

// prefetch is a table, or a field of a hash, whose key follows from a tag.
type prefetch struct {
	before, after string // {key} in the tag
	table         string // its name; "" for a hash
	hash          string
}

// PrefetchHash makes joined look-ups ([Cache.Join]) read a field of a hash in Redis, after
// the generations: the field {key} for values of the tag, such as "product:{key}". Loads
// get it by [Prefetched]. With a Cluster it does nothing.
func (c *Cache) PrefetchHash(tag, hash string) {
	p := prefetch{hash: hash}
	p.before, p.after, _ = strings.Cut(tag, "{key}")
	if c.single != nil {
		c.prefetches = append(c.prefetches, p)
	}
}

// Prefetched returns, inside a load, the field that [Cache.PrefetchHash] has read before
// it: "" if the hash has no such field.
func Prefetched(ctx context.Context, hash string) (field string, read bool) {
	state := loadingFrom(ctx)
	if state == nil || state.reply == nil {
		return "", false
	}
	field, read = state.reply.fields[hash]
	return field, read
}

// appendPrefetched adds what a query prefetches to what it reads.
func (c *Cache) appendPrefetched(items []item, q query) (all []item, hashes []string, fields []any) {
	if q.request == nil {
		return items, nil, nil
	}
	for _, p := range c.prefetches {
		key, found := strings.CutPrefix(q.home, p.before)
		switch {
		case !found:
		case p.hash != "":
			hashes, fields = append(hashes, p.hash), append(fields, key)
		default:
			if entry := c.entryKey(q.home, p.table, key); entry != q.entry {
				tag := q.home + p.after
				items = append(items, item{entry, []string{c.generationKey(tag)}, c.versions.of([]string{tag})})
			}
		}
	}
	return items, hashes, fields
}
