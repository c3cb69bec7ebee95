package ratelimit_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/ratelimit"
	"example.com/prefab/services/problem"
)

const (
	keys   = "prefab:limit:"
	budget = 5 * time.Second // however slow the machine
)

func TestTake_ProcessesThatCountAtOnceShareTheLimit(t *testing.T) {
	url := devtest.Redis(t)
	var passed atomic.Int64
	var processes sync.WaitGroup
	for range 3 {
		rates := ratelimit.NewRates(devtest.RedisClient(t, url), keys, budget)
		for range 20 {
			processes.Go(func() {
				left, reset, wait, err := rates.Take(t.Context(), "key", 5, 24*time.Hour)
				if err != nil || left < 0 || left > 4 {
					t.Errorf("%d left, error %v", left, err)
				}
				switch {
				case wait == 0 && reset > 0 && reset <= 24*time.Hour:
					passed.Add(1)
				case wait <= 0 || wait > 24*time.Hour/5:
					t.Errorf("wait %v, reset %v", wait, reset)
				}
			})
		}
	}
	processes.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d passed, want 5", passed.Load())
	}
}

func TestTake_LetsOneMorePassAfterEachInterval(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	rates := ratelimit.NewRates(client, keys, budget)
	take := func(key string) time.Duration {
		_, _, wait, err := rates.Take(t.Context(), key, 2, 500*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	key := ""
	devtest.Eventually(t, "two pass at once, and the third waits", func() bool { // at once: not on a machine that is too slow
		key += "x"
		one, two, three := take(key), take(key), take(key)
		return one == 0 && two == 0 && three > 0
	})
	devtest.Eventually(t, "one more passes", func() bool { return take(key) == 0 })
	devtest.Eventually(t, "nothing is left of idle keys", func() bool { return client.DBSize(t.Context()).Val() == 0 })
}

func TestTake_KeysAreShortAndTellNothing(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	rates := ratelimit.NewRates(client, keys, budget)
	for _, key := range []string{"address:192.0.2.1", strings.Repeat("x", 10_000), ""} {
		if _, _, _, err := rates.Take(t.Context(), key, 1, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	stored := client.Keys(t.Context(), "*").Val()
	for _, key := range stored {
		if !strings.HasPrefix(key, "rate:"+keys) || len(key) != len("rate:"+keys)+32 {
			t.Errorf("the key is %q", key)
		}
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Minute {
			t.Errorf("the key lives for %v", ttl)
		}
	}
	if len(stored) != 3 {
		t.Errorf("the keys are %q", stored)
	}
}

func TestTake_WithoutRedisIsUnavailable(t *testing.T) {
	server := devtest.OwnRedis(t)
	rates := ratelimit.NewRates(devtest.RedisClient(t, server.URL), keys, 200*time.Millisecond)
	for name, c := range map[string]struct{ fail, mend func() }{
		"frozen":  {func() { server.Signal(syscall.SIGSTOP) }, func() { server.Signal(syscall.SIGCONT) }},
		"stopped": {server.Stop, server.Start},
	} {
		c.fail()
		if _, _, _, err := rates.Take(t.Context(), "key", 1, time.Minute); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: error %v", name, err)
		}
		c.mend()
	}
	devtest.Eventually(t, "it counts again", func() bool {
		_, _, _, err := rates.Take(t.Context(), "key", 1, time.Minute)
		return err == nil
	})
}
