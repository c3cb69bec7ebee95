package session

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Prefixed is the part of a storage whose keys begin with a prefix. Fiber's middlewares
// would share their keys, so that a chosen cookie could name another one's entry. It
// never resets or closes the storage, which others use too.
type Prefixed struct {
	storage fiber.Storage
	prefix  string
}

// Prefix returns the part of storage whose keys begin with prefix.
func Prefix(storage fiber.Storage, prefix string) *Prefixed {
	return &Prefixed{storage: storage, prefix: prefix}
}

// Get is part of fiber.Storage.
func (s *Prefixed) Get(key string) ([]byte, error) { return s.storage.Get(s.prefix + key) }

// Set is part of fiber.Storage.
func (s *Prefixed) Set(key string, value []byte, expiry time.Duration) error {
	return s.storage.Set(s.prefix+key, value, expiry)
}

// Delete is part of fiber.Storage.
func (s *Prefixed) Delete(key string) error { return s.storage.Delete(s.prefix + key) }

// Reset fails: for a storage on Redis it would be FLUSHDB.
func (s *Prefixed) Reset() error { return errors.New("a shared storage cannot be reset") }

// Close does nothing.
func (s *Prefixed) Close() error { return nil }
