package session

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
)

type prefixed struct {
	storage fiber.Storage
	prefix  string
}

// Prefix returns the part of storage whose keys begin with prefix. Fiber's middlewares
// would share their keys, so that a chosen cookie could name another one's entry. It never
// resets or closes the storage, which others use too.
func Prefix(storage fiber.Storage, prefix string) fiber.Storage {
	return &prefixed{storage: storage, prefix: prefix}
}

func (s *prefixed) Get(key string) ([]byte, error) { return s.storage.Get(s.prefix + key) }

func (s *prefixed) Set(key string, value []byte, expiry time.Duration) error {
	return s.storage.Set(s.prefix+key, value, expiry)
}

func (s *prefixed) Delete(key string) error { return s.storage.Delete(s.prefix + key) }

// Reset fails: for a storage on Redis it would be FLUSHDB.
func (s *prefixed) Reset() error { return errors.New("a shared storage cannot be reset") }

func (s *prefixed) Close() error { return nil }
