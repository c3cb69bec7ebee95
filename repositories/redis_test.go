package repositories_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/redisclient"
)

func openRedis(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

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
