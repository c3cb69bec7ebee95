package cache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories/cache"
)

// valve stands between a client and Redis. It counts the calls; while it is shut,
// its fault answers in Redis' place.
type valve struct {
	calls atomic.Int64
	fault atomic.Pointer[fault]
}

type fault func(context.Context) error

var errFaulty = errors.New("something is wrong with Redis")

func refuse(context.Context) error { return errFaulty }

func stall(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (v *valve) shut(f fault) { v.fault.Store(&f) }
func (v *valve) open()        { v.fault.Store(nil) }

func (v *valve) pass(ctx context.Context, call func() error) error {
	v.calls.Add(1)
	if f := v.fault.Load(); f != nil {
		return (*f)(ctx)
	}
	return call()
}

// during returns how many calls do makes.
func (v *valve) during(do func()) int64 {
	before := v.calls.Load()
	do()
	return v.calls.Load() - before
}

func (v *valve) DialHook(next redis.DialHook) redis.DialHook { return next }

func (v *valve) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		return v.pass(ctx, func() error { return next(ctx, command) })
	}
}

func (v *valve) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		return v.pass(ctx, func() error { return next(ctx, commands) })
	}
}

// newValve returns a node that uses Redis through a valve. Nothing runs beside its
// callers: neither does it hear of others, nor send by itself what is pending.
func newValve(t testing.TB, url string, budget time.Duration) (*node, *valve) {
	t.Helper()
	n, err := openNode(url, func(o *cache.Options) { o.Budget = budget })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.cache.Close()
		_ = n.client.Close()
	})
	v := new(valve)
	n.client.AddHook(v)
	n.cache.Join(t.Context())
	if !n.cache.Usable() {
		t.Fatal("the cache does not use Redis")
	}
	return n, v
}
