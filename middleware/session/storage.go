package session

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
)

type prefixed struct {
	fiber.Storage
	prefix string
}

// Prefix returns the part of storage whose keys begin with prefix. Fiber's middlewares
// would share their keys, so that a chosen cookie could name another one's entry. It is
// never reset; Close closes the whole storage.
func Prefix(storage fiber.Storage, prefix string) fiber.Storage {
	return prefixed{storage, prefix}
}

func (s prefixed) Get(key string) ([]byte, error) { return s.Storage.Get(s.prefix + key) }

func (s prefixed) Set(key string, value []byte, expiry time.Duration) error {
	return s.Storage.Set(s.prefix+key, value, expiry)
}

func (s prefixed) Delete(key string) error { return s.Storage.Delete(s.prefix + key) }

// Reset fails: for a storage on Redis it would be FLUSHDB.
func (s prefixed) Reset() error { return errors.New("a shared storage cannot be reset") }
