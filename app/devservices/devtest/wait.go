package devtest

import (
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/redisclient"
)

// Eventually polls for up to 15 seconds until ok holds, and ends the test if it never does.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// RedisClient returns the program's own kind of client for the server at url, closed at the test's end.
func RedisClient(t testing.TB, url string) goredis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url, 16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
