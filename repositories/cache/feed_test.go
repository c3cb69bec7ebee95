package cache_test

import (
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

func killFeeds(t testing.TB, client redis.UniversalClient) {
	t.Helper()
	if err := client.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
		t.Error(err)
	}
}

// What is sent while the feed's connection is broken is lost; what it was about
// must not stay.
func TestFeed_BrokenDuringWritesLeavesNothingStale(t *testing.T) {
	url := ownRedis(t)
	writer, reader, s := newNode(t, url), newNode(t, url), new(source)
	reader.gives(t, s, 0) // makes the epoch
	epoch := reader.client.Get(t.Context(), reader.cache.GenerationKey(cache.Everything)).Val()
	var slowest time.Duration
	for value := range int64(100) {
		reader.gives(t, s, value)
		killFeeds(t, writer.client)
		if err := writer.cache.Write(t.Context(), tags, s.set(value+1)); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		eventually(t, "the other process gives the new value", func() bool {
			got, err := reader.get(t.Context(), s.load)
			return err == nil && got == value+1
		})
		slowest = max(slowest, time.Since(written))
	}
	t.Logf("the slowest of 100 writes with broken feeds was seen after %v", slowest)
	if now := reader.client.Get(t.Context(), reader.cache.GenerationKey(cache.Everything)).Val(); now != epoch {
		t.Error("broken connections to a Redis that is well have voided all that it holds")
	}
}

func TestFeed_VoidsMemoryWhenItIsBack(t *testing.T) {
	n, s := newNode(t, ownRedis(t)), new(source)
	n.gives(t, s, 0)
	if err := n.client.Del(t.Context(), n.cache.EntryKey(tags[0], "numbers", "key")).Err(); err != nil {
		t.Fatal(err)
	}
	if _, held := n.held(t.Context(), false); !held {
		t.Fatal("memory does not have the value")
	}
	killFeeds(t, n.client)
	eventually(t, "memory is void", func() bool {
		_, held := n.held(t.Context(), false)
		return !held
	})
}

// A process that may not subscribe does without the feed; it must not void what
// the others keep each time that it tries.
func TestFeed_RefusedDisturbsNobody(t *testing.T) {
	t.Parallel()
	redis := devtest.OwnRedis(t)
	other, s := newNode(t, redis.URL), new(source)
	err := other.client.Do(t.Context(), "ACL", "SETUSER", "mute", "on", ">word", "~*", "&*", "+@all", "-subscribe").Err()
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redis.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("mute", "word")
	mute, err := openNode(u.String())
	if err != nil {
		t.Fatal(err)
	}
	mute.cache.Start(t.Context())
	t.Cleanup(func() {
		mute.cache.Close()
		_ = mute.client.Close()
	})
	for range 2 { // what came before the first refusals is void, and then no more
		tried := refusals(t, other.client)
		eventually(t, "it has tried to subscribe again", func() bool { return refusals(t, other.client) >= tried+5 })
		eventually(t, "it has voided what came before", mute.cache.Usable)
		if tried == 0 {
			eventually(t, "another process keeps a value", func() bool {
				other.gives(t, s, 0)
				_, held := other.held(t.Context(), true)
				return held
			})
		}
	}
	eventually(t, "it is still kept", func() bool { // a look may take too long, and gives nothing
		_, held := other.held(t.Context(), true)
		return held
	})
}

// refusals counts the commands that users were not allowed.
func refusals(t testing.TB, client redis.UniversalClient) (n int64) {
	t.Helper()
	log, err := client.(*redis.Client).ACLLog(t.Context(), 10).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range log {
		n += entry.Count
	}
	return n
}

func TestClose_LeavesNoGoroutines(t *testing.T) {
	redis := devtest.OwnRedis(t)
	before := runtime.NumGoroutine()
	for _, broken := range []bool{false, true} {
		n, s := newNode(t, redis.URL), new(source)
		n.gives(t, s, 0)
		if broken {
			redis.Stop()
			n.gives(t, s, 0)
		}
		n.cache.Close()
		_ = n.client.Close()
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}
