package httpcache_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.com/prefab/middleware/httpcache"
)

// memoryPages is a httpcache.Store in a map. Its requests do not wait for each other.
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
}

func newPages() *memoryPages { return &memoryPages{pages: make(map[string]*memoryPage)} }

func (m *memoryPages) Find(
	_ context.Context, key string, tags []string,
) (*httpcache.Page, string, func(*httpcache.Page, time.Duration)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finds++
	if found := m.pages[key]; found != nil && !found.void && found.page != nil && time.Now().Before(found.expires) {
		return found.page, "memory", nil
	}
	entry := &memoryPage{tags: tags}
	m.pages[key] = entry
	return nil, "", func(page *httpcache.Page, ttl time.Duration) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.lastTTL = ttl; page == nil && m.pages[key] == entry {
			delete(m.pages, key)
		}
		entry.page, entry.expires = page, time.Now().Add(ttl)
	}
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
