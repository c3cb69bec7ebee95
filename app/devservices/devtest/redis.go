package devtest

import (
	"context"
	"fmt"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices"
)

// redis is the server that the tests of one binary share.
type redis struct {
	services *devservices.Services
	free     chan int // indexes of empty databases
}

// Redis returns the URL of an empty logical database of the test's own. Channels
// are not divided that way: a test that publishes names its own, or takes
// [OwnRedis].
func Redis(t testing.TB) string {
	t.Helper()
	rd, err := shared.redis(t)
	if err != nil {
		t.Fatalf("start a Redis for tests: %v", err)
	}
	var index int
	select {
	case index = <-rd.free:
	default:
		t.Fatal("all Redis databases are taken by tests that still run")
	}
	url := fmt.Sprintf("%s?db=%d", rd.services.RedisURL, index)
	t.Cleanup(func() {
		if err := flush(url); err != nil {
			t.Errorf("empty the test's Redis database: %v", err)
			return // and leave it taken
		}
		rd.free <- index
	})
	return url
}

func (h *harness) redis(t testing.TB) (*redis, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rd != nil {
		return h.rd, nil
	}
	s, err := h.start(t.Context(), "redis", devservices.Options{NeedRedis: true})
	if err != nil {
		return nil, err
	}
	const databases = 1024 // as devservices starts a disposable Redis
	h.rd = &redis{services: s, free: make(chan int, databases)}
	for i := range databases {
		h.rd.free <- i
	}
	return h.rd, nil
}

func flush(url string) error {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return err
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	return client.FlushDB(context.Background()).Err()
}
