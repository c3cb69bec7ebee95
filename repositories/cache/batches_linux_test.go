package cache_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/tracing"
)

// A flush of write-behind invalidates a whole batch: more than one script drops at a time.
func TestInvalidate_DropsAnyNumberOfTags(t *testing.T) {
	for name, url := range map[string]string{"one server": devtest.Redis(t), "a Cluster": devtest.Cluster(t, 0).URL} {
		t.Run(name, func(t *testing.T) {
			n, s := newNode(t, url), new(source)
			var all []string
			for i := range 1201 {
				all = append(all, "thing:"+strconv.Itoa(i))
			}
			fresh := func() context.Context { return tracing.With(t.Context(), &tracing.Trace{Fresh: true}) }
			some := []string{all[0], all[499], all[500], all[1200]}
			for _, tag := range some {
				eventually(t, "a value is kept", func() bool {
					_, err := n.numbers.Get(fresh(), tag, []string{tag}, s.load)
					_, again := n.numbers.Get(fresh(), tag, []string{tag}, loadNothing)
					return err == nil && again == nil
				})
			}
			if err := n.cache.Invalidate(t.Context(), all...); err != nil {
				t.Fatal(err)
			}
			for _, tag := range some {
				if _, err := n.numbers.Get(fresh(), tag, []string{tag}, loadNothing); !errors.Is(err, errNothing) {
					t.Errorf("%s is still kept", tag)
				}
			}
		})
	}
}

// A put whose caller has given up may still be in a batch. Nobody may count on it, nor
// on what goes with it.
func TestInvalidateWith_PromisesNothingAfterItsTime(t *testing.T) {
	n, v := newValve(t, devtest.Redis(t), time.Second)
	put := func(ctx context.Context) (bool, error) {
		return n.cache.InvalidateWith(ctx, redis.NewStatusCmd(ctx, "set", "test:put", 1), "thing")
	}
	open := make(chan struct{})
	v.shut(func(context.Context) error { <-open; return errFaulty })
	var held sync.WaitGroup
	before := v.calls.Load()
	for range 10 { // two go out at once, and the others wait for them
		held.Go(func() { _, _ = put(t.Context()) })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	eventually(t, "calls are on their way", func() bool { return v.calls.Load() >= before+2 })
	if told, err := put(ctx); told || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("told %v, %v", told, err)
	}
	v.open()
	close(open)
	held.Wait()
	if told, err := put(t.Context()); !told || err != nil {
		t.Errorf("then: told %v, %v", told, err)
	}
}
