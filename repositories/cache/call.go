package cache

import (
	"context"
	"strings"
	"sync"

	"example.com/prefab/services/tracing"
)

// call is what one request has learned from Redis and read, between the beginning
// and the end of Batch. A nil call has learned nothing.
type call struct {
	cache *Cache

	mu      sync.Mutex
	depth   int                  // how often Batch has begun and not ended
	answers map[string]*answer   // the newest, by home
	leases  map[string]string    // tokens, by the entry's key
	values  map[memoryKey]*entry // that were loaded
	fills   []fill
}

// Batch has what ctx's request loads until end stored in one round trip, and each
// of its look-ups read what the tables with Prefetch hold of the same home. Without a
// tracing.Trace in ctx it does nothing.
func (c *Cache) Batch(ctx context.Context) (end func()) {
	s := c.memo(ctx)
	if s == nil {
		return func() {}
	}
	s.locked(func() { s.depth++ })
	return func() { s.end(ctx) }
}

// memo returns the call of ctx's request, whether or not Batch has begun.
func (c *Cache) memo(ctx context.Context) *call {
	trace := tracing.From(ctx)
	if trace == nil {
		return nil
	}
	s, _ := trace.Memo(func() any { return &call{cache: c} }).(*call)
	if s == nil || s.cache != c {
		return nil
	}
	return s
}

func (s *call) end(ctx context.Context) {
	s.mu.Lock()
	var fills []fill
	if s.depth--; s.depth == 0 {
		fills = s.fills
		for key, token := range s.leases { // of what was not loaded
			fills = append(fills, fill{entryKey: key, token: token})
		}
		s.fills, s.answers, s.leases, s.values = nil, nil, nil, nil
	}
	s.mu.Unlock()
	if len(fills) > 0 {
		s.cache.store(context.WithoutCancel(ctx), fills)
	}
}

// callOf returns the call in which Batch has begun, or nil.
func (c *Cache) callOf(ctx context.Context) *call {
	s, begun := c.memo(ctx), false
	if s.locked(func() { begun = s.depth > 0 }); !begun {
		return nil
	}
	return s
}

// locked runs do, unless there is no call.
func (s *call) locked(do func()) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// forget drops what was read: the request itself changes it.
func (s *call) forget() { s.locked(func() { s.answers, s.values = nil, nil }) }

func (s *call) answer(home string) (a *answer) {
	s.locked(func() { a = s.answers[home] })
	return a
}

// learn takes in an answer, and the leases that came with it.
func (s *call) learn(home string, a *answer) {
	s.locked(func() {
		if s.depth == 0 {
			return
		}
		if s.answers == nil {
			s.answers = make(map[string]*answer, 1)
		}
		s.answers[home] = a
		for key, found := range a.entries {
			if !found.owned {
				continue
			}
			if s.leases == nil {
				s.leases = make(map[string]string, 3)
			}
			s.leases[key] = a.token
		}
	})
}

// takeLease returns the token of the entry's lease if the call has it. From then on
// it is the caller who gives it back.
func (s *call) takeLease(a *answer, entryKey string) (token string) {
	if s == nil {
		if a.entries[entryKey].owned {
			token = a.token
		}
		return token
	}
	s.locked(func() {
		token = s.leases[entryKey]
		delete(s.leases, entryKey)
	})
	return token
}

// leads reports whether the call has the lease of the entry.
func (s *call) leads(entryKey string) (yes bool) {
	s.locked(func() { yes = s.leases[entryKey] != "" })
	return yes
}

func (s *call) value(place memoryKey) (e *entry) {
	s.locked(func() { e = s.values[place] })
	return e
}

func (s *call) hold(place memoryKey, e *entry) {
	s.locked(func() {
		if s.values == nil {
			s.values = make(map[memoryKey]*entry, 2)
		}
		s.values[place] = e
	})
}

// later has the fill sent at the end. Outside of a call there is no later.
func (s *call) later(f fill) (yes bool) {
	s.locked(func() {
		if yes = s.depth > 0; yes {
			s.fills = append(s.fills, f)
		}
	})
	return yes
}

// ahead is what a query reads besides, since the call will ask for it next.
type ahead struct {
	keys           []string // of a generation, an entry and its lease, again and again
	versions       []uint64 // of the tags in this process, before the query
	hashes, fields []string
}

// reader is a table, or a hash of somebody else's, whose keys follow from a tag.
type reader struct {
	before, after string // {key} in the tag
	table         string // its name; "" for a hash
	hash          string
}

// PrefetchHash has look-ups in Batch read a field of a hash in Redis too, after the
// generations: the field {key} for whatever has the tag, such as "product:{key}". It
// is for what a load would have to read first. With a cluster it does nothing.
func (c *Cache) PrefetchHash(tag, hash string) {
	r := reader{hash: hash}
	r.before, r.after, _ = strings.Cut(tag, "{key}")
	if c.single != nil {
		c.readers = append(c.readers, r)
	}
}

func (c *Cache) next(q query) (n ahead) {
	if q.call == nil {
		return n
	}
	for _, r := range c.readers {
		key, found := strings.CutPrefix(q.home, r.before)
		switch {
		case !found:
		case r.hash != "":
			n.hashes, n.fields = append(n.hashes, r.hash), append(n.fields, key)
		default:
			if entry := c.entryKey(q.home, r.table, key); entry != q.entry {
				n.versions = append(n.versions, c.versions.of([]string{q.home + r.after}))
				n.keys = append(n.keys, c.generationKey(q.home+r.after), entry, leaseKey(entry))
			}
		}
	}
	return n
}
