package repositories_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
)

func newCache(t *testing.T, client redis.UniversalClient) *cache.Cache {
	t.Helper()
	c := cache.New(cache.Options{
		Client: client, Prefix: "test:cache:", MemoryTTL: time.Minute, MaxItems: 100, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: 10 * time.Second,
	})
	t.Cleanup(c.Close)
	c.Start(t.Context())
	return c
}
