package repositories_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services/problem"
)

const (
	aWhile   = 10 * time.Second // longer than any test that must not see a lease end
	leaseKey = "lock:{job}"
	doneKey  = "lock:{job}:done"
)

// everyRedis runs a test on a real server and on the imitation that stands in for
// one on a bare machine.
func everyRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, openRedis(t, devtest.Redis(t)))
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		m := miniredis.RunT(t)
		m.ClockTTL(true) // as devservices has it
		test(t, openRedis(t, "redis://"+m.Addr()))
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func nothing(context.Context) error { return nil }

// hold asks whether a run was to be had.
func hold(t *testing.T, locks *repositories.Locks, next time.Time, run func(context.Context) error) bool {
	t.Helper()
	ran, err := locks.Hold(t.Context(), "job", next, run)
	if err != nil {
		t.Fatal(err)
	}
	return ran
}

func TestLocks_LetOneRunAtATime(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		var inside, ran, refused atomic.Int64
		run := func(context.Context) error {
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d runs at once", n)
			}
			time.Sleep(time.Millisecond)
			inside.Add(-1)
			return nil
		}
		atOnce(8, func(int) error {
			locks := repositories.NewLocks(client, "lock:", aWhile)
			for range 50 {
				if hold(t, locks, time.Time{}, run) {
					ran.Add(1)
				} else {
					refused.Add(1)
				}
			}
			return nil
		})
		if ran.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d ran, %d were refused: nobody met another", ran.Load(), refused.Load())
		}
		if left := keys(t, client); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		locks := repositories.NewLocks(client, "lock:", aWhile)
		hold(t, locks, time.Time{}, func(ctx context.Context) error {
			if ran, err := locks.Hold(ctx, "another job", time.Time{}, nothing); err != nil || !ran {
				t.Errorf("another name: %v, %v", ran, err)
			}
			return nil
		})
	})
}

func TestLocks_EndByThemselvesWhenTheirHolderDies(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		client.Set(t.Context(), leaseKey, "of the dead", time.Second)
		locks := repositories.NewLocks(client, "lock:", aWhile)
		if hold(t, locks, time.Time{}, nothing) {
			t.Error("it ran beside the holder")
		}
		eventually(t, "another takes over", func() bool { return hold(t, locks, time.Time{}, nothing) })
	})
}

func TestLocks_AreRenewedWhileTheRunGoesOn(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		locks := repositories.NewLocks(client, "lock:", 2*time.Second)
		ran := hold(t, locks, time.Time{}, func(ctx context.Context) error {
			for range 5 { // longer than the lease in all
				left := client.PTTL(ctx, leaseKey).Val()
				eventually(t, "the lease is renewed", func() bool {
					now := client.PTTL(ctx, leaseKey).Val()
					renewed := now > left
					left = now
					return renewed
				})
				if hold(t, locks, time.Time{}, nothing) {
					t.Error("somebody else ran beside it")
				}
			}
			return ctx.Err()
		})
		if !ran || client.Exists(t.Context(), leaseKey).Val() != 0 {
			t.Errorf("ran %v, and left %v", ran, keys(t, client))
		}
	})
}

func TestLocks_ALostLeaseEndsTheRunAndIsNotTakenFromItsNextHolder(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		locks := repositories.NewLocks(client, "lock:", 500*time.Millisecond)
		ran, err := locks.Hold(t.Context(), "job", time.Now().Add(time.Hour), func(ctx context.Context) error {
			client.Set(ctx, leaseKey, "of another", time.Hour)
			<-ctx.Done()
			return ctx.Err()
		})
		if !ran || !errors.Is(err, context.Canceled) || err.Error() != "the lease was lost: context canceled" {
			t.Errorf("ran %v, error %v", ran, err)
		}
		if holder := client.Get(t.Context(), leaseKey).Val(); holder != "of another" {
			t.Errorf("the lease is %q", holder)
		}
		if client.Exists(t.Context(), doneKey).Val() != 0 {
			t.Error("it is taken for done")
		}
	})
}

func TestLocks_ARunEndsBeforeALeaseThatCannotBeRenewed(t *testing.T) {
	for name, cut := range map[string]func(*devtest.Server){
		"stopped": (*devtest.Server).Stop,
		"frozen":  func(s *devtest.Server) { s.Signal(syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := devtest.OwnRedis(t)
			locks := repositories.NewLocks(openRedis(t, server.URL), "lock:", 2*time.Second)
			ran, err := locks.Hold(t.Context(), "job", time.Time{}, func(ctx context.Context) error {
				cut(server)
				<-ctx.Done()
				return ctx.Err()
			})
			if !ran || err == nil || err.Error() != "the lease was lost: context canceled" {
				t.Errorf("ran %v, error %v", ran, err)
			}
			ran, err = locks.Hold(t.Context(), "job", time.Time{}, func(context.Context) error {
				t.Error("it runs without a lease")
				return nil
			})
			if ran || !errors.Is(err, problem.ErrUnavailable) {
				t.Errorf("without Redis: ran %v, error %v", ran, err)
			}
		})
	}
}

func TestLocks_APieceOfWorkIsDoneOnce(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		locks := repositories.NewLocks(client, "lock:", aWhile)
		next := time.Now().Add(time.Hour)
		if !hold(t, locks, next, nothing) {
			t.Error("the first did not run")
		}
		if hold(t, locks, next, nothing) {
			t.Error("it is done twice")
		}
		if left := client.PTTL(t.Context(), doneKey).Val(); left > 30*time.Minute || left < 29*time.Minute {
			t.Errorf("that it is done is known for %v", left)
		}
		if !hold(t, locks, time.Time{}, nothing) || hold(t, locks, next, nothing) {
			t.Error("a run that was asked for did not run, or unmade the note")
		}
		client.Del(t.Context(), doneKey)
		if !hold(t, locks, time.Time{}, nothing) || !hold(t, locks, next, nothing) {
			t.Error("a run that was asked for is taken for the one that is due")
		}
	})
}

// Redis keeps the moment when a key ends: it comes later by what the clock goes back.
func TestLocks_DoNotLastLongerForAClockThatWentBack(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		locks := repositories.NewLocks(client, "lock:", aWhile)
		next := time.Now().Add(time.Minute)
		for key, value := range map[string]string{doneKey: "", leaseKey: "somebody who died"} {
			if err := client.Set(t.Context(), key, value, time.Hour).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if !hold(t, locks, next, nothing) {
			t.Error("no run is to be had until the clock is where it was")
		}
		if hold(t, locks, next, nothing) {
			t.Error("the piece of work is done twice")
		}
	})
}

func TestLocks_WhatARunLeavesBehind(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		what string
		next time.Duration
		run  func(stop context.CancelFunc) error
		done bool
	}{
		{"done", time.Hour, func(context.CancelFunc) error { return nil }, true},
		{"failed", time.Hour, func(context.CancelFunc) error { return broken }, true},
		{"panicked", time.Hour, func(context.CancelFunc) error { panic(broken) }, true},
		{"cut short", time.Hour, func(stop context.CancelFunc) error { stop(); return broken }, false},
		{"over the next one's time", time.Millisecond, func(context.CancelFunc) error {
			time.Sleep(2 * time.Millisecond)
			return nil
		}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			client := openRedis(t, devtest.Redis(t))
			locks := repositories.NewLocks(client, "lock:", aWhile)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			func() {
				defer func() { _ = recover() }()
				_, err := locks.Hold(ctx, "job", time.Now().Add(c.next), func(context.Context) error { return c.run(stop) })
				if err != nil && !errors.Is(err, broken) {
					t.Errorf("error %v", err)
				}
			}()
			if n := client.Exists(t.Context(), leaseKey).Val(); n != 0 {
				t.Error("the lease is still held")
			}
			if noted := client.Exists(t.Context(), doneKey).Val() == 1; noted != c.done {
				t.Errorf("taken for done: %v, want %v", noted, c.done)
			}
		})
	}
}

func TestLocks_AreNotHeldForARunThatIgnoresItsEnd(t *testing.T) {
	everyRedis(t, func(t *testing.T, client redis.UniversalClient) {
		locks := repositories.NewLocks(client, "lock:", time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		release, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			_, err := locks.Hold(ctx, "job", time.Time{}, func(context.Context) error { cancel(); <-release; return nil })
			ended <- err
		}()
		<-ctx.Done()
		eventually(t, "another takes over", func() bool { return hold(t, locks, time.Time{}, nothing) })
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
