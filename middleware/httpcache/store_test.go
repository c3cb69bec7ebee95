package httpcache_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.com/prefab/middleware/httpcache"
)

// memoryPages are httpcache.Pages in a map.
type memoryPages struct {
	mu    sync.Mutex
	pages map[string]*memoryPage

	finds   int
	lastTTL time.Duration
}

type memoryPage struct {
	page    *httpcache.Page
	expires time.Time
	tags    []string
	void    bool // a tag was invalidated
	done    chan struct{}
}

func newPages() *memoryPages { return &memoryPages{pages: make(map[string]*memoryPage)} }

func (m *memoryPages) Find(
	ctx context.Context, key string, tags []string,
) (*httpcache.Page, string, func(*httpcache.Page, time.Duration)) {
	for {
		m.mu.Lock()
		m.finds++
		entry := m.pages[key]
		if entry == nil || entry.void || entry.page != nil && time.Now().After(entry.expires) {
			entry = &memoryPage{tags: tags, done: make(chan struct{})}
			m.pages[key] = entry
			m.mu.Unlock()
			return nil, "", func(page *httpcache.Page, ttl time.Duration) { m.store(key, entry, page, ttl) }
		}
		page, done := entry.page, entry.done
		m.mu.Unlock()
		if page != nil {
			return page, "memory", nil
		}
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

func (m *memoryPages) store(key string, entry *memoryPage, page *httpcache.Page, ttl time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastTTL = ttl
	close(entry.done) // panics when it is called twice
	if page == nil && m.pages[key] == entry {
		delete(m.pages, key)
	}
	entry.page, entry.expires = page, time.Now().Add(ttl)
}

func (m *memoryPages) Invalidate(_ context.Context, tags ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entry := range m.pages {
		for _, tag := range tags {
			entry.void = entry.void || slices.Contains(entry.tags, tag)
		}
	}
	return nil
}

// stored is the number of pages, and pending that of those still being made.
func (m *memoryPages) stored() (stored, pending int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entry := range m.pages {
		if entry.page == nil {
			pending++
		} else {
			stored++
		}
	}
	return stored, pending
}
