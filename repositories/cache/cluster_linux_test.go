package cache_test

import (
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/cache"
)

func TestCache_KeepsItsPromisesOnACluster(t *testing.T) {
	t.Parallel()
	url := devtest.Cluster(t, 0).URL
	a, b := newNode(t, url), newNode(t, url)
	s := new(source)
	for i := range int64(100) {
		a.gives(t, s, i)
		b.gives(t, s, i)
		if loads := s.loads.Swap(0); loads != 1 {
			t.Fatalf("%d loads for a value that both want", loads)
		}
		if err := a.cache.Write(t.Context(), tags, s.set(i+1)); err != nil {
			t.Fatal(err)
		}
		a.gives(t, s, i+1)
		s.loads.Store(1)
		eventually(t, "the other node hears of it", func() bool { value, _ := b.get(t.Context(), s.load); return value == i+1 })
	}
}

// A master that dies before its replica has heard of an invalidation leaves one
// that holds the older value, with all that makes it look good.
func TestCache_TrustsNoPromotedReplicaThatLacksAnInvalidation(t *testing.T) {
	t.Parallel()
	cluster := devtest.Cluster(t, 1)
	n := newNode(t, cluster.URL, func(o *cache.Options) { o.MemoryTTL = time.Millisecond })
	tag := tagAwayFromTheFeed(t, n.client)
	s := new(source)
	gives := func(want int64) {
		if got, err := n.numbers.Get(t.Context(), "key", []string{tag}, s.load); err != nil || got != want {
			t.Fatalf("read %d, %v; want %d", got, err, want)
		}
	}
	gives(0)
	s.value.Store(1)
	eventually(t, "memory has forgotten", func() bool { gives(0); return s.loads.Load() == 1 }) // so Redis holds it

	owner := slices.Index(cluster.Masters, holder(t, n.client, tagKey(tag)))
	master := openClient(t, "redis://"+cluster.Masters[owner]).(*redis.Client)
	if err := master.Wait(t.Context(), 1, 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	cluster.Signal(cluster.Replicas[owner], syscall.SIGSTOP)
	if n := master.ClientKillByFilter(t.Context(), "TYPE", "replica").Val(); n != 1 { // else its socket keeps what is sent
		t.Fatalf("the master has %d replicas", n)
	}
	if err := n.cache.Write(t.Context(), []string{tag}, s.set(2)); err != nil {
		t.Fatal(err)
	}
	cluster.Signal(cluster.Masters[owner], syscall.SIGKILL)
	cluster.Signal(cluster.Replicas[owner], syscall.SIGCONT)
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		gives(2)
		if holder(t, n.client, tagKey(tag)) == cluster.Replicas[owner] && n.cache.Usable() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica was not promoted, or is not used")
		}
	}
	gives(2)
}

func tagKey(tag string) string { return "test:tag:{" + tag + "}" }

// tagAwayFromTheFeed is of another master than the feed, which breaks with its own.
func tagAwayFromTheFeed(t *testing.T, client redis.UniversalClient) string {
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
