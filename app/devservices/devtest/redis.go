package devtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices"
	"example.com/prefab/repositories/redisclient"
)

// redisDatabases is how many devservices gives to a disposable Redis.
const redisDatabases = 1024

// sharedRedis is the server that the tests of one binary share.
var sharedRedis = sync.OnceValues(func() (*devservices.Services, error) {
	return start("redis", devservices.Options{NeedRedis: true})
})

var redisTests atomic.Int64

// Redis returns the URL of an empty logical database of the test's own; up to 1024 tests
// may run at once. Channels are not divided that way: a test that publishes names its
// own, or takes [OwnRedis].
func Redis(t testing.TB) string {
	t.Helper()
	services, err := sharedRedis()
	if err != nil {
		t.Fatalf("start a Redis for tests: %v", err)
	}
	url := fmt.Sprintf("%s?db=%d", services.RedisURL, redisTests.Add(1)%redisDatabases)
	t.Cleanup(func() {
		client, err := redisclient.Open(url, 1)
		if err != nil {
			t.Errorf("empty the test's Redis database: %v", err)
			return
		}
		defer client.Close()
		Eventually(t, "the test's Redis database is empty", func() bool { // a busy machine may answer too late
			return client.FlushDB(context.Background()).Err() == nil
		})
	})
	return url
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
