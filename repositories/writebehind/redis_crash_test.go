package writebehind_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/problem"
)

// With appendfsync always Redis answers a write once it is on the disk. With
// everysec a disk that is slow makes it answer before it has written its log.
func TestCrash_OfRedisLosesNoAcknowledgedWrite(t *testing.T) {
	server := devtest.OwnRedis(t)
	s := newShelfOn(t, newCatalogue(t, devtest.Database(t), 200), server.URL)
	s.put(1, 0)
	syncAlways := func() {
		eventually(t, "Redis is told", func() bool {
			return s.client.ConfigSet(t.Context(), "appendfsync", "always").Err() == nil
		})
	}
	syncAlways()
	last := map[int64]int64{}
	writing, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	refused := 0
	work.Go(func() {
		for value := int64(1); writing.Err() == nil; value++ {
			key := rand.Int64N(200) + 1
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := s.Put(ctx, key, value)
			cancel()
			switch problem.CodeOf(err) {
			case problem.Unavailable:
				refused++
				continue
			default:
				if err != nil {
					t.Error(err)
				}
			}
			last[key] = value
		}
	})
	work.Go(func() {
		for writing.Err() == nil {
			_ = s.Flush(t.Context(), s.table.SetAll) // what failed is still there for the next
			time.Sleep(5 * time.Millisecond)
		}
	})
	for range 5 {
		time.Sleep(rand.N(200 * time.Millisecond))
		server.Signal(syscall.SIGKILL)
		server.Start()
		syncAlways()
	}
	stop()
	work.Wait()
	s.flush()
	s.waits(0, 0)
	for key, want := range last {
		if got := s.number("SELECT quantity FROM stock WHERE product_id = $1", key); got < want {
			t.Errorf("%d is stored under %d, where %d was acknowledged", got, key, want)
		}
	}
	t.Logf("%d keys were acknowledged, %d writes refused", len(last), refused)
}
