package runner_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/jobs/runner"
)

// lock is a Lock that answers as it is set.
type lock struct {
	mu    sync.Mutex
	err   error // it does not answer
	taken bool  // by another process
	waits []time.Duration
}

func (l *lock) hold(ctx context.Context, _ string, next time.Time, run func(context.Context) error) (bool, error) {
	wait := time.Duration(0)
	if !next.IsZero() {
		wait = time.Until(next).Round(time.Second)
	}
	l.mu.Lock()
	l.waits = append(l.waits, wait)
	err, taken := l.err, l.taken
	l.mu.Unlock()
	if err != nil || taken {
		return false, err
	}
	return true, run(ctx)
}

// set says what the lock answers from now on.
func (l *lock) set(err error, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.taken = err, taken
}

func TestShared_RunsUnderItsLockAndLogsOnceThatItIsUnavailable(t *testing.T) {
	l := &lock{}
	bubble(t, runner.Options{Lock: l.hold}, func(f *fixture) {
		for _, step := range []struct {
			what  string
			err   error
			taken bool
			want  string // outcomes in all
			logs  string
		}{
			{"free", nil, false, "done=3 skipped_locked=0 lock_unavailable=0", ""},
			{"held by another", nil, true, "done=3 skipped_locked=3 lock_unavailable=0", ""},
			{"down", errors.New("no Redis"), false, "done=3 skipped_locked=3 lock_unavailable=3", "level=WARN no Redis"},
			{"still down", errors.New("no Redis"), false, "done=3 skipped_locked=3 lock_unavailable=6", ""},
			{"back", nil, false, "done=6 skipped_locked=3 lock_unavailable=6", "level=INFO"},
			{"down again", errors.New("none again"), false, "done=6 skipped_locked=3 lock_unavailable=9", "level=WARN none again"},
			{"back, held by another", nil, true, "done=6 skipped_locked=6 lock_unavailable=9", "level=INFO"},
			{"free again", nil, false, "done=9 skipped_locked=6 lock_unavailable=9", ""},
		} {
			before := len(f.log.String())
			l.set(step.err, step.taken)
			wait(3 * time.Minute)
			f.outcomes(step.what, "prune", step.want)
			logged := f.log.String()[before:]
			level, cause, _ := strings.Cut(step.logs, " ")
			if strings.Count(logged, "\n") != min(1, len(step.logs)) || !strings.Contains(logged, level) || !strings.Contains(logged, cause) {
				t.Errorf("%s: want %q in the log:\n%s", step.what, step.logs, logged)
			}
		}
	}, runner.Job{Name: "prune", Every: time.Minute, Shared: true, Run: func(context.Context) error { return nil }})
}

func TestShared_GivesTheLockTheTimeOfTheNextRunUnlessNowStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, now := &lock{}, make(chan struct{}, 1)
		start(t, runner.Options{Lock: l.hold}, runner.Job{
			Name: "flush", Every: time.Minute, Shared: true, Now: now, Run: func(context.Context) error { return nil },
		})
		wait(70 * time.Second)
		send(now)
		wait(time.Minute)
		if want := []time.Duration{time.Minute, 0, time.Minute}; !slices.Equal(l.waits, want) {
			t.Errorf("got %v, want %v", l.waits, want)
		}
	})
}

func TestShared_EndsWithItsTimeoutAndLogsALostLease(t *testing.T) {
	l := &lock{}
	bubble(t, runner.Options{
		Lock: func(ctx context.Context, name string, next time.Time, run func(context.Context) error) (bool, error) {
			ran, err := l.hold(ctx, name, next, run)
			return ran, errors.Join(err, errors.New("the lease was lost"))
		},
	}, func(f *fixture) {
		wait(70 * time.Second)
		f.outcomes("then", "late", "done=0 failed=1")
		if logged := f.log.String(); !strings.Contains(logged, "deadline exceeded") || !strings.Contains(logged, "lease was lost") {
			t.Errorf("the log is %s", logged)
		}
	}, runner.Job{
		Name: "late", Every: time.Minute, Timeout: 5 * time.Second, Shared: true, Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
	})
}
