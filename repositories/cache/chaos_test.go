package cache_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/tracing"
)

// model is what the store has: some values, which loads take a while to read.
type model [4]atomic.Int64

func (m *model) key(i int) (key string, tags []string) {
	return fmt.Sprint("key", i), []string{fmt.Sprint("key", i), "keys"}
}

func (m *model) load(i int) func(context.Context) (int64, error) {
	return func(context.Context) (int64, error) {
		value := m[i].Load()
		time.Sleep(rand.N(3 * time.Millisecond))
		return value, nil
	}
}

func (m *model) read(ctx context.Context, n *node, i int) error {
	key, tags := m.key(i)
	_, err := n.numbers.Get(tracing.With(ctx, new(tracing.Trace)), key, tags, m.load(i))
	return err
}

// write changes one value or, by the common tag, all of them.
func (m *model) write(ctx context.Context, n *node, i int) error {
	_, tags := m.key(i)
	return n.cache.Write(ctx, tags[:1], func(context.Context) error {
		m[i].Add(1)
		return nil
	})
}

// busy reads and writes on all nodes until meanwhile returns.
func (m *model) busy(t *testing.T, nodes []*node, meanwhile func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	for _, n := range nodes {
		for range 3 {
			work.Go(func() {
				for ctx.Err() == nil {
					if err := m.read(context.Background(), n, rand.N(len(m))); err != nil {
						t.Error("read:", err)
					}
				}
			})
		}
		work.Go(func() {
			for ctx.Err() == nil {
				if err := m.write(context.Background(), n, rand.N(len(m))); err != nil {
					t.Error("write:", err)
				}
				time.Sleep(rand.N(10 * time.Millisecond))
			}
		})
	}
	meanwhile()
	stop()
	work.Wait()
}

// leavesNothingStale asks that no level of any node holds an older value.
func (m *model) leavesNothingStale(t *testing.T, nodes []*node) {
	t.Helper()
	for j, n := range nodes {
		n.ready(t)
		for i := range m {
			key, tags := m.key(i)
			eventually(t, "memory has heard of the last write", func() bool {
				got, err := n.numbers.Get(t.Context(), key, tags, loadNothing)
				return err != nil || got == m[i].Load()
			})
			fresh := tracing.With(t.Context(), &tracing.Trace{Fresh: true})
			if got, err := n.numbers.Get(fresh, key, tags, loadNothing); err == nil && got != m[i].Load() {
				t.Errorf("node %d: Redis has %d under %s, want %d", j, got, key, m[i].Load())
			}
		}
	}
}

// Whatever key Redis loses, an entry, a generation, a lease or a writer's mark,
// it costs a miss.
func TestRedis_MayLoseAnyKey(t *testing.T) {
	url := ownRedis(t)
	nodes, m := []*node{newNode(t, url), newNode(t, url)}, new(model)
	client := openClient(t, url)
	lost := 0
	m.busy(t, nodes, func() {
		for lost < 2000 {
			if key := client.RandomKey(t.Context()).Val(); key != "" {
				lost += int(client.Del(t.Context(), key).Val())
			}
		}
	})
	m.leavesNothingStale(t, nodes)
}

// Redis comes and goes, slows down and forgets its connections, in any order.
func TestChaos_LeavesNothingStale(t *testing.T) {
	t.Parallel()
	server := devtest.OwnRedis(t)
	nodes, m := []*node{newNode(t, server.URL), newNode(t, server.URL)}, new(model)
	client := openClient(t, server.URL)
	pause := func(most time.Duration) { time.Sleep(rand.N(most)) }
	troubles := map[string]func(){
		"stop": func() {
			server.Stop()
			pause(300 * time.Millisecond)
			server.Start()
		},
		"kill": func() {
			server.Signal(syscall.SIGKILL)
			server.Start()
		},
		"freeze": func() {
			server.Signal(syscall.SIGSTOP)
			pause(1500 * time.Millisecond)
			server.Signal(syscall.SIGCONT)
		},
		"cut feeds":       func() { killClients(client, "pubsub") },
		"cut connections": func() { killClients(client, "normal") },
	}
	names := []string{"stop", "kill", "freeze", "cut feeds", "cut connections"}
	for range rounds(t, 4) {
		name := names[rand.N(len(names))]
		m.busy(t, nodes, func() {
			pause(100 * time.Millisecond)
			troubles[name]()
			pause(100 * time.Millisecond)
		})
		m.leavesNothingStale(t, nodes)
		if t.Failed() {
			t.Fatalf("after %s", name)
		}
	}
}

// killClients cuts connections, maybe its own too.
func killClients(client redis.UniversalClient, kind string) {
	_ = client.Do(context.Background(), "CLIENT", "KILL", "TYPE", kind).Err()
}
