package repositories_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

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
