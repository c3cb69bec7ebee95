package app_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/prefab/app"
	"example.com/prefab/jobs"
	"example.com/prefab/repositories"
)

// team is the runners of several processes with one shared job, on one Redis.
type team struct {
	runs, inside atomic.Int64
	now          []chan struct{} // by runner
	runners      []*jobs.Runner
}

func startTeam(t *testing.T, size int, every time.Duration) *team {
	t.Helper()
	cfg, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	url, members := redisOf(t), &team{}
	for range size {
		locks := repositories.NewLocks(openRedis(t, url), "prefab:job:", 10*time.Second)
		r := jobs.NewRunner(jobs.Options{Log: app.NewLogger(cfg, new(logged)), Lock: locks.Hold})
		now := make(chan struct{}, 1)
		r.Add(jobs.Job{
			Name: "flush", Every: every, Timeout: time.Minute, Shared: true, Now: now,
			Run: func(context.Context) error {
				if n := members.inside.Add(1); n != 1 {
					t.Errorf("%d runs at once", n)
				}
				time.Sleep(time.Millisecond)
				members.inside.Add(-1)
				members.runs.Add(1)
				return nil
			},
		})
		r.Start()
		t.Cleanup(func() {
			if err := r.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		members.now, members.runners = append(members.now, now), append(members.runners, r)
	}
	return members
}

func (m *team) sum(of func(jobs.Status) int64) (n int64) {
	for _, r := range m.runners {
		n += of(r.Status()[0])
	}
	return n
}

func (m *team) skipped() int64 { return m.sum(func(s jobs.Status) int64 { return s.Skipped }) }

func TestSharedJob_NeverRunsInTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	members := startTeam(t, 4, 24*time.Hour)
	eventually(t, "all have met the others", func() bool {
		for _, now := range members.now {
			select {
			case now <- struct{}{}:
			default:
			}
		}
		every := !slices.ContainsFunc(members.runners, func(r *jobs.Runner) bool { return r.Status()[0].Runs == 0 })
		return every && members.runs.Load() >= 100 && members.skipped() >= 100
	})
	for i, r := range members.runners {
		if s := r.Status()[0]; s.Failures > 0 {
			t.Errorf("process %d: %+v", i, s)
		}
	}
}

func TestSharedJob_RunsOnceAnIntervalWhereverAndGoesOnWithoutTheStopped(t *testing.T) {
	t.Parallel()
	const size, every = 4, time.Second
	members := startTeam(t, size, every)
	eventually(t, "it has run four times", func() bool { return members.runs.Load() >= 4 })
	// Had each process run it each time, hardly any would have been left out.
	if runs, skipped := members.runs.Load(), members.skipped(); skipped < runs {
		t.Errorf("%d runs, %d left out, by %d processes", runs, skipped, size)
	}
	for _, r := range members.runners[1:] {
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	alone := members.runners[0].Status()[0].Runs
	eventually(t, "the last one does it all", func() bool { return members.runners[0].Status()[0].Runs >= alone+2 })
}
