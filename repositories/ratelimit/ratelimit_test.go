package ratelimit_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/ratelimit"
	"example.com/prefab/services/problem"
)

const window = 10 * time.Minute

func TestMain(m *testing.M) { devtest.Main(m) }

func TestHit_ProcessesThatCountAtOnceShareTheLimit(t *testing.T) {
	url := devtest.Redis(t)
	var passed atomic.Int64
	var processes sync.WaitGroup
	for range 3 {
		l := ratelimit.New(devtest.RedisClient(t, url), window)
		for range 20 {
			processes.Go(func() {
				wait, err := l.Hit(t.Context(), "key", 5)
				if err != nil || wait < 0 || wait > window {
					t.Errorf("wait %v, error %v", wait, err)
				}
				if wait == 0 {
					passed.Add(1)
				}
			})
		}
	}
	processes.Wait()
	if passed.Load() != 5 {
		t.Errorf("%d passed, want 5", passed.Load())
	}
}

func TestHit_ACountEndsWithTheWindowOfItsFirstEvent(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	l := ratelimit.New(client, window)
	_, _ = l.Hit(t.Context(), "key", 1)
	if left := client.PTTL(t.Context(), "key").Val(); left <= 0 || left > window {
		t.Errorf("the count lasts for %v", left)
	}
	client.PExpire(t.Context(), "key", window/2)
	if wait, err := l.Hit(t.Context(), "key", 1); err != nil || wait <= 0 || wait > window/2 {
		t.Errorf("wait %v, error %v; want what is left of %v", wait, err, window/2)
	}
	if left := client.PTTL(t.Context(), "key").Val(); left <= 0 || left > window/2 {
		t.Errorf("a later event makes it last for %v", left)
	}
}

func TestRefund_MakesRoomButNeverACount(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	l := ratelimit.New(client, window)
	for i := range 4 {
		if wait, err := l.Hit(t.Context(), "key", 1); err != nil || wait > 0 {
			t.Errorf("event %d: wait %v, error %v", i, wait, err)
		}
		end := func() error { return l.Refund(t.Context(), "key") }
		if i%2 == 1 {
			end = func() error { return l.Reset(t.Context(), "key") }
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if err := l.Refund(t.Context(), "key", "another"); err != nil || client.DBSize(t.Context()).Val() != 0 {
		t.Errorf("a refund without an event: %v, keys %v", err, client.Keys(t.Context(), "*").Val())
	}
}

func TestLimiter_WithoutRedisIsUnavailable(t *testing.T) {
	server := devtest.OwnRedis(t)
	client := devtest.RedisClient(t, server.URL)
	l := ratelimit.New(client, window)
	set := func(memory string) func() {
		return func() { client.ConfigSet(t.Context(), "maxmemory", memory) }
	}
	for name, c := range map[string]struct{ fail, mend func() }{
		"full":    {set("1"), set("0")},
		"frozen":  {func() { server.Signal(syscall.SIGSTOP) }, func() { server.Signal(syscall.SIGCONT) }},
		"stopped": {server.Stop, server.Start},
	} {
		c.fail()
		if _, err := l.Hit(t.Context(), "key", 1); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: error %v", name, err)
		}
		c.mend()
	}
	if _, err := l.Hit(t.Context(), "key", 1); err != nil {
		t.Error(err)
	}
}
