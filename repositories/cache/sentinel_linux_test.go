package cache_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

// The master that is relieved lives on, and so does the feed's connection to it.
func TestCache_FollowsWhenSentinelsRelieveAMasterThatLives(t *testing.T) {
	t.Parallel()
	servers := devtest.Sentinels(t)
	a, b := newNode(t, servers.URL), newNode(t, servers.URL)
	s := new(source)
	a.gives(t, s, 0)
	b.gives(t, s, 0)
	servers.Failover()
	for i := range int64(40) {
		written := time.Now()
		if err := a.cache.Write(t.Context(), tags, s.set(i+1)); err != nil {
			t.Fatal(err)
		}
		for value := int64(-1); value != i+1; value, _ = b.get(t.Context(), s.load) {
			if time.Since(written) > 5*time.Second { // a feed on the old master is deaf for ten
				t.Fatalf("write %d is not seen by the other node, which has %d", i+1, value)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if a.cache.Usable() != b.cache.Usable() {
		eventually(t, "both use the new master", func() bool { return a.cache.Usable() && b.cache.Usable() })
	}
}

// As on a Cluster: the replica that Sentinels make master lacks the last
// invalidation, and looks good.
func TestCache_TrustsNoReplicaThatSentinelsPromoteWithoutAnInvalidation(t *testing.T) {
	t.Parallel()
	servers := devtest.Sentinels(t)
	n := newNode(t, servers.URL, func(o *cache.Options) { o.MemoryTTL = time.Millisecond })
	s := new(source)
	n.gives(t, s, 0)
	s.value.Store(1)
	eventually(t, "memory has forgotten", func() bool { n.gives(t, s, 0); return s.loads.Load() == 1 }) // so Redis holds it

	master := openClient(t, "redis://"+servers.Master).(*redis.Client)
	if err := master.Wait(t.Context(), 1, 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	servers.Signal(servers.Replica, syscall.SIGSTOP)
	if n := master.ClientKillByFilter(t.Context(), "TYPE", "replica").Val(); n != 1 { // else its socket keeps what is sent
		t.Fatalf("the master has %d replicas", n)
	}
	if err := n.cache.Write(t.Context(), tags, s.set(2)); err != nil {
		t.Fatal(err)
	}
	servers.Signal(servers.Master, syscall.SIGKILL)
	servers.Signal(servers.Replica, syscall.SIGCONT)
	promoted := openClient(t, "redis://"+servers.Replica).(*redis.Client)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		n.gives(t, s, 2)
		if strings.Contains(promoted.Info(t.Context(), "replication").Val(), "role:master") && n.cache.Usable() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica was not promoted, or is not used")
		}
	}
	n.gives(t, s, 2)
}
