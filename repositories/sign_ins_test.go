package repositories_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services/problem"
)

const window = 10 * time.Minute

var somewhere = netip.MustParseAddr("192.0.2.1")

func TestOpenRedis_HeedsDeadlinesAndHasLimits(t *testing.T) {
	o := openRedis(t, "redis://localhost").(*redis.Client).Options()
	if !o.ContextTimeoutEnabled || o.PoolSize != 20 || o.MaxActiveConns != 20 || o.MaxRetries != 1 ||
		o.ReadTimeout > time.Second || o.WriteTimeout > time.Second || o.PoolTimeout > time.Second {
		t.Errorf("got %+v", o)
	}
}

func openRedis(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := repositories.OpenRedis(url, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func signIns(client redis.UniversalClient, perAccount, perAddress int64) *repositories.SignIns {
	return repositories.NewSignIns(client, repositories.SignInLimit{
		Here: 100, PerAccount: perAccount, PerAddress: perAddress, Window: window,
	})
}

func attempt(t *testing.T, s *repositories.SignIns, account string, address netip.Addr) time.Duration {
	t.Helper()
	wait, err := s.Attempt(t.Context(), account, address)
	if err != nil {
		t.Fatal(err)
	}
	if wait < 0 || wait > window {
		t.Fatalf("wait of %v in a window of %v", wait, window)
	}
	return wait
}

// keys lists what is stored, with the time that is left to each.
func keys(t *testing.T, client redis.UniversalClient) map[string]time.Duration {
	t.Helper()
	left := map[string]time.Duration{}
	for _, key := range client.Keys(t.Context(), "*").Val() {
		left[key] = client.PTTL(t.Context(), key).Val()
	}
	return left
}

func TestSignIns_LimitAnAccountWhereverTheAttemptsComeFrom(t *testing.T) {
	s := signIns(openRedis(t, devtest.Redis(t)), 3, 100)
	address := somewhere
	for i := range 5 {
		address = address.Next()
		if wait := attempt(t, s, "ada@example.com", address); (wait > 0) != (i >= 3) {
			t.Errorf("attempt %d waits %v", i+1, wait)
		}
	}
	if wait := attempt(t, s, "grace@example.com", address); wait > 0 {
		t.Errorf("another account waits %v", wait)
	}
}

func TestSignIns_AnAddressThatGuessesLocksNobodyOutElsewhere(t *testing.T) {
	s := repositories.NewSignIns(openRedis(t, devtest.Redis(t)), repositories.SignInLimit{
		Here: 2, PerAccount: 4, PerAddress: 100, Window: window,
	})
	for i := range 50 {
		if wait := attempt(t, s, "ada@example.com", somewhere); (wait > 0) != (i >= 2) {
			t.Errorf("attempt %d waits %v", i+1, wait)
		}
	}
	if wait := attempt(t, s, "ada@example.com", somewhere.Next()); wait > 0 {
		t.Errorf("the owner waits %v", wait)
	}
}

func TestSignIns_ASuccessDoesNotCount(t *testing.T) {
	client := openRedis(t, devtest.Redis(t))
	s := repositories.NewSignIns(client, repositories.SignInLimit{Here: 2, PerAccount: 3, PerAddress: 3, Window: window})
	for range 10 { // more than any of the limits
		if wait := attempt(t, s, "ada@example.com", somewhere); wait > 0 {
			t.Fatalf("waits %v", wait)
		}
		if err := s.Succeed(t.Context(), "ada@example.com", somewhere); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		attempt(t, s, "ada@example.com", somewhere)
		if err := s.TakeBack(t.Context(), "ada@example.com", somewhere); err != nil {
			t.Fatal(err)
		}
	}
	if wait := attempt(t, s, "ada@example.com", somewhere); wait > 0 {
		t.Errorf("after ten attempts that were taken back it waits %v", wait)
	}
	client.FlushDB(t.Context()) // as if the window had ended between the two
	if err := s.Succeed(t.Context(), "ada@example.com", somewhere); err != nil {
		t.Fatal(err)
	}
	if left := keys(t, client); len(left) > 0 {
		t.Errorf("a success without an attempt leaves %v", left)
	}
}

func TestSignIns_ABlockedAddressLocksNobodyElsesAccount(t *testing.T) {
	s := signIns(openRedis(t, devtest.Redis(t)), 1, 2)
	for i, account := range []string{"a", "b", "c", "d"} {
		if wait := attempt(t, s, account, somewhere); (wait > 0) != (i >= 2) {
			t.Errorf("attempt %d waits %v", i+1, wait)
		}
	}
	if wait := attempt(t, s, "c", somewhere.Next()); wait > 0 {
		t.Errorf("the owner waits %v", wait)
	}
}

func TestSignIns_CountsEndWithTheWindowOfTheFirstAttempt(t *testing.T) {
	client := openRedis(t, devtest.Redis(t))
	s := signIns(client, 1, 10)
	attempt(t, s, "ada@example.com", somewhere)
	first := keys(t, client)
	if len(first) != 3 {
		t.Errorf("keys %v, want the account's, the address's and the pair's", first)
	}
	for key, left := range first {
		if left <= 0 || left > window {
			t.Errorf("%s lives for %v", key, left)
		}
		client.PExpire(t.Context(), key, window/2)
	}
	if wait := attempt(t, s, "ada@example.com", somewhere); wait <= 0 || wait > window/2 {
		t.Errorf("wait of %v, want what is left of %v", wait, window/2)
	}
	for key, left := range keys(t, client) {
		if left <= 0 || left > window/2 {
			t.Errorf("a later attempt has given %s %v", key, left)
		}
	}
}

func TestSignIns_StoreNoAccountInTheClear(t *testing.T) {
	client := openRedis(t, devtest.Redis(t))
	attempt(t, signIns(client, 5, 5), "Ada@example.com", somewhere)
	attempt(t, signIns(client, 5, 5), strings.Repeat("x", 1<<20), somewhere)
	for key := range keys(t, client) {
		if strings.Contains(strings.ToLower(key), "ada") || strings.Contains(key, "@") || len(key) > 100 {
			t.Errorf("key %.200s", key)
		}
	}
}

func TestSignIns_CountAnIPv6SubscriberOnce(t *testing.T) {
	for _, c := range []struct {
		one, other string
		shared     bool
	}{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"::ffff:192.0.2.1", "::ffff:198.51.100.7", false},
	} {
		s := signIns(openRedis(t, devtest.Redis(t)), 100, 1)
		attempt(t, s, "a", netip.MustParseAddr(c.one))
		if wait := attempt(t, s, "b", netip.MustParseAddr(c.other)); (wait > 0) != c.shared {
			t.Errorf("%s after %s waits %v; shared should be %v", c.other, c.one, wait, c.shared)
		}
	}
}

func TestSignIns_ParallelAttemptsNeverExceedTheLimit(t *testing.T) {
	url := devtest.Redis(t)
	processes := []*repositories.SignIns{
		signIns(openRedis(t, url), 5, 1000), signIns(openRedis(t, url), 5, 1000), signIns(openRedis(t, url), 5, 1000),
	}
	var passed atomic.Int64
	for _, err := range atOnce(60, func(i int) error {
		wait, err := processes[i%len(processes)].Attempt(t.Context(), "ada@example.com", somewhere)
		if err == nil && wait == 0 {
			passed.Add(1)
		}
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if passed.Load() != 5 {
		t.Errorf("%d attempts passed, want 5", passed.Load())
	}
}

func TestSignIns_WithoutRedisNobodyMayTry(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := signIns(openRedis(t, server.URL), 5, 5)
	refused := func(what string, ctx context.Context) {
		t.Helper()
		if _, err := s.Attempt(ctx, "a", somewhere); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: attempt: error %v", what, err)
		}
		if err := s.Succeed(ctx, "a", somewhere); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: success: error %v", what, err)
		}
	}
	attempt(t, s, "a", somewhere) // so that there is a connection

	server.Signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	refused("frozen", ctx)
	server.Signal(syscall.SIGCONT)

	admin := openRedis(t, server.URL)
	for _, c := range []struct{ what, setting, value, back string }{
		{"out of memory", "maxmemory", "1", "0"},
		{"a replica", "replicaof", "127.0.0.1 1", "no one"},
	} {
		set := func(value string) {
			t.Helper()
			words := []any{"CONFIG", "SET", c.setting, value}
			if c.setting == "replicaof" {
				words = []any{"REPLICAOF", strings.Fields(value)[0], strings.Fields(value)[1]}
			}
			if err := admin.Do(t.Context(), words...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		set(c.value)
		if _, err := s.Attempt(t.Context(), "a", somewhere); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: attempt: error %v", c.what, err)
		}
		set(c.back)
	}

	server.Stop()
	refused("stopped", t.Context())

	server.Start()
	attempt(t, s, "a", somewhere)
}
