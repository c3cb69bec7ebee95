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
	if err := n.cache.Change(t.Context(), tags, s.set(2)); err != nil {
		t.Fatal(err)
	}
	servers.Signal(servers.Master, syscall.SIGKILL)
	servers.Signal(servers.Replica, syscall.SIGCONT)
	promoted := openClient(t, "redis://"+servers.Replica).(*redis.Client)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		n.gives(t, s, 2)
		if strings.Contains(promoted.Info(t.Context(), "replication").Val(), "role:master") && n.cache.Trusted() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica was not promoted, or is not used")
		}
	}
	n.gives(t, s, 2)
}
