package locks_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/locks"
	"example.com/prefab/services/problem"
)

const (
	long     = 10 * time.Second // a lease that does not expire during a test
	leaseKey = "lock:{job}"
	doneKey  = "lock:{job}:done"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func nothing(context.Context) error { return nil }

// run reports whether the work ran.
func run(t *testing.T, l *locks.Locks, next time.Time, work func(context.Context) error) bool {
	t.Helper()
	ran, err := l.Run(t.Context(), "job", next, work)
	if err != nil {
		t.Fatal(err)
	}
	return ran
}

func TestRun_OneAtATime(t *testing.T) {
	imitation := miniredis.RunT(t)
	imitation.ClockTTL(true) // as devservices runs it
	for _, url := range []string{devtest.Redis(t), "redis://" + imitation.Addr()} {
		client := devtest.RedisClient(t, url)
		var inside, ran, refused atomic.Int64
		work := func(context.Context) error {
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d runs at once", n)
			}
			time.Sleep(time.Millisecond)
			inside.Add(-1)
			return nil
		}
		var processes sync.WaitGroup
		for range 8 {
			processes.Go(func() {
				l := locks.New(client, "lock:", long)
				for range 50 {
					if run(t, l, time.Time{}, work) {
						ran.Add(1)
					} else {
						refused.Add(1)
					}
				}
			})
		}
		processes.Wait()
		if ran.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d ran, %d were refused: no process met another", ran.Load(), refused.Load())
		}
		if left := client.Keys(t.Context(), "*").Val(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestRun_TheLeaseIsRenewedAndExpiresAfterADeath(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	client := devtest.RedisClient(t, devtest.Redis(t))
	client.Set(t.Context(), leaseKey, "of a dead process", time.Second)
	l := locks.New(client, "lock:", time.Second)
	if run(t, l, time.Time{}, nothing) {
		t.Error("it ran beside the holder")
	}
	work := func(ctx context.Context) error {
		for range 5 { // longer than the lease in all
			left := client.PTTL(ctx, leaseKey).Val()
			devtest.Eventually(t, "the lease is renewed", func() bool {
				now := client.PTTL(ctx, leaseKey).Val()
				renewed := now > left
				left = now
				return renewed
			})
			if run(t, l, time.Time{}, nothing) {
				t.Error("another ran beside it")
			}
		}
		return ctx.Err()
	}
	devtest.Eventually(t, "another takes over", func() bool { return run(t, l, time.Time{}, work) })
	if client.Exists(t.Context(), leaseKey).Val() != 0 {
		t.Error("the lease is still held")
	}
}

func TestRun_ALostLeaseEndsTheWork(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	server := devtest.OwnRedis(t)
	client := devtest.RedisClient(t, server.URL)
	for _, c := range []struct {
		name  string
		lose  func()
		after func()
	}{
		{"taken", func() { client.Set(t.Context(), leaseKey, "of another", time.Hour) }, func() {
			if holder := client.Get(t.Context(), leaseKey).Val(); holder != "of another" {
				t.Errorf("the lease is %q", holder)
			}
			client.Del(t.Context(), leaseKey)
		}},
		{"Redis frozen", func() { server.Signal(syscall.SIGSTOP) }, func() { server.Signal(syscall.SIGCONT) }},
		{"Redis stopped", server.Stop, func() {
			ran, err := locks.New(client, "lock:", long).Run(t.Context(), "job", time.Time{}, nothing)
			if ran || !errors.Is(err, problem.ErrUnavailable) {
				t.Errorf("without Redis: ran %v, error %v", ran, err)
			}
		}},
	} {
		l := locks.New(client, "lock:", 500*time.Millisecond)
		ran, err := l.Run(t.Context(), "job", time.Now().Add(time.Hour), func(ctx context.Context) error {
			c.lose()
			<-ctx.Done()
			return ctx.Err()
		})
		if !ran || !errors.Is(err, context.Canceled) || err.Error() != "the lease was lost: context canceled" {
			t.Errorf("%s: ran %v, error %v", c.name, ran, err)
		}
		c.after()
		if client.Exists(t.Context(), doneKey).Val() != 0 {
			t.Errorf("%s: the work counts as done", c.name)
		}
	}
}

func TestRun_DueWorkIsDoneOnce(t *testing.T) {
	client := devtest.RedisClient(t, devtest.Redis(t))
	l, next := locks.New(client, "lock:", long), time.Now().Add(time.Hour)
	if !run(t, l, next, nothing) || run(t, l, next, nothing) {
		t.Error("it did not run once")
	}
	if left := client.PTTL(t.Context(), doneKey).Val(); left > 30*time.Minute || left < 29*time.Minute {
		t.Errorf("the note lasts for %v", left)
	}
	if !run(t, l, time.Time{}, nothing) || run(t, l, next, nothing) {
		t.Error("a run without next did not run, or removed the note")
	}
	client.Del(t.Context(), doneKey)
	if !run(t, l, time.Time{}, nothing) || !run(t, l, next, nothing) {
		t.Error("a run without next left a note")
	}
	// As if Redis' clock had gone back: both last longer than they can.
	client.Set(t.Context(), doneKey, "", 2*time.Hour)
	client.Set(t.Context(), leaseKey, "of a dead process", time.Hour)
	if !run(t, l, next, nothing) || run(t, l, next, nothing) {
		t.Error("after the clock went back it did not run once")
	}
}

func TestRun_NotesWhatIsDone(t *testing.T) {
	broken := errors.New("broken")
	client := devtest.RedisClient(t, devtest.Redis(t))
	for _, c := range []struct {
		name string
		next time.Duration
		work func(stop context.CancelFunc) error
		done bool
	}{
		{"done", time.Hour, func(context.CancelFunc) error { return nil }, true},
		{"failed", time.Hour, func(context.CancelFunc) error { return broken }, true},
		{"panicked", time.Hour, func(context.CancelFunc) error { panic(broken) }, true},
		{"cancelled", time.Hour, func(stop context.CancelFunc) error { stop(); return broken }, false},
		{"late", time.Millisecond, func(context.CancelFunc) error { time.Sleep(2 * time.Millisecond); return nil }, false},
	} {
		client.FlushDB(t.Context())
		ctx, stop := context.WithCancel(t.Context())
		func() {
			defer func() { _ = recover() }()
			_, err := locks.New(client, "lock:", long).Run(ctx, "job", time.Now().Add(c.next),
				func(context.Context) error { return c.work(stop) })
			if err != nil && !errors.Is(err, broken) {
				t.Errorf("%s: error %v", c.name, err)
			}
		}()
		stop()
		if client.Exists(t.Context(), leaseKey).Val() != 0 {
			t.Errorf("%s: the lease is still held", c.name)
		}
		if noted := client.Exists(t.Context(), doneKey).Val() == 1; noted != c.done {
			t.Errorf("%s: noted as done: %v, want %v", c.name, noted, c.done)
		}
	}
}

func TestRun_WorkThatIgnoresItsEndDoesNotHoldTheLease(t *testing.T) {
	l := locks.New(devtest.RedisClient(t, devtest.Redis(t)), "lock:", 300*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	release, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := l.Run(ctx, "job", time.Time{}, func(context.Context) error { cancel(); <-release; return nil })
		ended <- err
	}()
	<-ctx.Done()
	devtest.Eventually(t, "another takes over", func() bool { return run(t, l, time.Time{}, nothing) })
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
