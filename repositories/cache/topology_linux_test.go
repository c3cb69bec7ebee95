package cache_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

func TestCache_KeepsItsPromisesOnACluster(t *testing.T) {
	takesSeconds(t)
	url := devtest.Cluster(t, 0).URL
	a, b := newNode(t, url), newNode(t, url)
	s := new(source)
	for i := range int64(100) {
		a.gives(t, s, i)
		b.gives(t, s, i)
		if loads := s.loads.Swap(0); loads != 1 {
			t.Fatalf("%d loads for a value that both want", loads)
		}
		if err := a.cache.Write(t.Context(), tags[i%2:], s.set(i+1)); err != nil {
			t.Fatal(err)
		}
		a.gives(t, s, i+1)
		s.loads.Store(1)
		b.soonGives(t, s, i+1)
	}
}

// promoted asks that no process uses a replica that was made master and lacks the last
// invalidation. It holds the older value, with all that makes it look good.
func promoted(
	t *testing.T, n *node, tag, master, replica string, signal func(address string, s syscall.Signal), isMaster func() bool,
) {
	t.Helper()
	s := new(source)
	gives := func(want int64) {
		if got, err := n.numbers.Get(t.Context(), "key", []string{tag}, s.load); err != nil || got != want {
			t.Fatalf("read %d, %v; want %d", got, err, want)
		}
	}
	gives(0)
	s.value.Store(1)
	devtest.Eventually(t, "memory has forgotten", func() bool { gives(0); return s.loads.Load() == 1 }) // so Redis holds it
	client := openClient(t, "redis://"+master).(*redis.Client)
	if err := client.Wait(t.Context(), 1, 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	signal(replica, syscall.SIGSTOP)
	if n := client.ClientKillByFilter(t.Context(), "TYPE", "replica").Val(); n != 1 { // else its socket keeps what is sent
		t.Fatalf("the master has %d replicas", n)
	}
	if err := n.cache.Write(t.Context(), []string{tag}, s.set(2)); err != nil {
		t.Fatal(err)
	}
	signal(master, syscall.SIGKILL)
	signal(replica, syscall.SIGCONT)
	for deadline := time.Now().Add(60 * time.Second); !isMaster() || !n.cache.Usable(); time.Sleep(time.Millisecond) {
		gives(2)
		if time.Now().After(deadline) {
			t.Fatal("the replica was not promoted, or is not used")
		}
	}
	gives(2)
}

func forgetful(o *cache.Options) { o.MemoryTTL = time.Millisecond }

func TestCache_UsesNoPromotedReplicaOfAClusterThatLacksAnInvalidation(t *testing.T) {
	takesSeconds(t)
	cluster := devtest.Cluster(t, 1)
	n := newNode(t, cluster.URL, forgetful)
	tag := tagAwayFromTheChannel(t, n.client)
	owner := slices.Index(cluster.Masters, holder(t, n.client, tagKey(tag)))
	promoted(t, n, tag, cluster.Masters[owner], cluster.Replicas[owner], cluster.Signal,
		func() bool { return holder(t, n.client, tagKey(tag)) == cluster.Replicas[owner] })
}

func tagKey(tag string) string { return "test:tag:{" + tag + "}" }

// tagAwayFromTheChannel is of another master than the channel, whose end breaks the subscription.
func tagAwayFromTheChannel(t *testing.T, client redis.UniversalClient) string {
	for i := 0; ; i++ {
		tag := "thing" + strconv.Itoa(i)
		if holder(t, client, tagKey(tag)) != holder(t, client, "test:feed") {
			return tag
		}
	}
}

// holder is the address of the master that has the key.
func holder(t *testing.T, client redis.UniversalClient, key string) string {
	master, err := client.(*redis.ClusterClient).MasterForKey(t.Context(), key)
	if err != nil {
		return ""
	}
	return master.Options().Addr
}

// The master that is relieved lives on, and so does the subscription to it.
func TestCache_FollowsWhenSentinelsRelieveAMasterThatLives(t *testing.T) {
	takesSeconds(t)
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
			if time.Since(written) > 5*time.Second { // a subscription to the old master is silent for ten
				t.Fatalf("write %d is not seen by the other node, which has %d", i+1, value)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if a.cache.Usable() != b.cache.Usable() {
		devtest.Eventually(t, "both use the new master", func() bool { return a.cache.Usable() && b.cache.Usable() })
	}
}

func TestCache_UsesNoReplicaThatSentinelsPromoteWithoutAnInvalidation(t *testing.T) {
	takesSeconds(t)
	servers := devtest.Sentinels(t)
	n, replica := newNode(t, servers.URL, forgetful), openClient(t, "redis://"+servers.Replica)
	promoted(t, n, "thing", servers.Master, servers.Replica, servers.Signal,
		func() bool { return strings.Contains(replica.Info(t.Context(), "replication").Val(), "role:master") })
}

// A flush of write-behind invalidates a whole batch.
func TestInvalidate_DropsAnyNumberOfTags(t *testing.T) {
	takesSeconds(t)
	for _, url := range []string{devtest.Redis(t), devtest.Cluster(t, 0).URL} {
		n, s := newNode(t, url), new(source)
		var all []string
		for i := range 1201 {
			all = append(all, "thing:"+strconv.Itoa(i))
		}
		some := []string{all[0], all[499], all[500], all[1200]}
		held := func(tag string) bool {
			_, err := n.numbers.Get(fresh(t), tag, []string{tag}, loadNothing)
			return !errors.Is(err, errNothing)
		}
		for _, tag := range some {
			if _, err := n.numbers.Get(t.Context(), tag, []string{tag}, s.load); err != nil || !held(tag) {
				t.Errorf("%s is not cached, %v", tag, err)
			}
		}
		if err := n.cache.Invalidate(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(some, held) {
			t.Error("not all are dropped")
		}
	}
}
