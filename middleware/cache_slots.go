package middleware

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cache"
)

// slot is where Fiber's cache middleware meets one request's page: what is put
// in before is all that it finds, and what it stores is found here after.
type slot struct {
	handle     string // begins the keys by which Fiber asks
	meta, body []byte
	scratch    []byte // for building headers and keys
}

// slots is the storage of Fiber's cache middleware. It asks under a lock of the
// whole process, so the storage is memory only, and holds no more than the pages
// of the requests that are being answered; Pages has been asked before.
type slots struct {
	mu   sync.Mutex
	idle []*slot
	all  atomic.Pointer[[]*slot] // by handle; replaced when it grows
}

type slotKey struct{}

// keptFor is longer than any page is: Fiber counts in whole seconds, Cache exactly.
const keptFor = 100 * 365 * 24 * time.Hour

func newFiberCache(s *slots) fiber.Handler {
	return cache.New(cache.Config{
		Storage:    s,
		Expiration: keptFor,
		KeyGenerator: func(c *fiber.Ctx) string {
			return c.Locals(slotKey{}).(*slot).handle
		},
	})
}

func (s *slots) take() *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		free := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return free
	}
	var old []*slot
	if all := s.all.Load(); all != nil {
		old = *all
	}
	added := &slot{handle: strconv.Itoa(len(old))}
	all := slices.Concat(old, []*slot{added})
	s.all.Store(&all)
	return added
}

func (s *slots) give(used *slot) {
	used.meta, used.body = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, used)
}

// find takes a key of Fiber's, "<handle>_GET" or "<handle>_GET_body".
func (s *slots) find(key string) (found *slot, isBody bool) {
	handle, rest, _ := strings.Cut(key, "_")
	i, err := strconv.Atoi(handle)
	if err != nil {
		return nil, false
	}
	return (*s.all.Load())[i], strings.HasSuffix(rest, "_body")
}

// Get is part of fiber.Storage.
func (s *slots) Get(key string) ([]byte, error) {
	found, isBody := s.find(key)
	if isBody {
		return found.body, nil
	}
	return found.meta, nil
}

// Set is part of fiber.Storage. The value is Fiber's own copy and may be kept.
func (s *slots) Set(key string, value []byte, _ time.Duration) error {
	found, isBody := s.find(key)
	if isBody {
		found.body = value
	} else {
		found.meta = value
	}
	return nil
}

// Delete is part of fiber.Storage.
func (s *slots) Delete(key string) error { return s.Set(key, nil, 0) }

// Reset refuses: it is no business of a middleware.
func (s *slots) Reset() error { return errors.New("pages are dropped by their tags") }

// Close does nothing.
func (s *slots) Close() error { return nil }
