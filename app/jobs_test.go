package app_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/prefab/app"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/locks"
)

// team is the runners of several processes with one shared job, on one Redis.
type team struct {
	runs    []atomic.Int64 // by runner
	inside  atomic.Int64
	now     []chan struct{}
	runners []*runner.Runner
}

func startTeam(t *testing.T, size int, every time.Duration) *team {
	t.Helper()
	cfg, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	url, members := redisOf(t), &team{runs: make([]atomic.Int64, size)}
	for i := range size {
		leases := locks.New(openRedis(t, url), "prefab:job:", 10*time.Second)
		r := runner.New(runner.Options{Log: app.NewLogger(cfg, new(logged)), Lock: leases.Run})
		now := make(chan struct{}, 1)
		r.Add(runner.Job{
			Name: "flush", Every: every, Timeout: time.Minute, Shared: true, Now: now,
			Run: func(context.Context) error {
				if n := members.inside.Add(1); n != 1 {
					t.Errorf("%d runs at once", n)
				}
				time.Sleep(time.Millisecond)
				members.inside.Add(-1)
				members.runs[i].Add(1)
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

func (m *team) counts() (each []int64, all int64) {
	for i := range m.runs {
		n := m.runs[i].Load()
		each, all = append(each, n), all+n
	}
	return each, all
}

func TestSharedJob_NeverRunsInTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	members := startTeam(t, 4, 24*time.Hour)
	eventually(t, "each has run it", func() bool {
		for _, now := range members.now {
			select {
			case now <- struct{}{}:
			default:
			}
		}
		each, all := members.counts()
		return slices.Min(each) > 0 && all >= 100
	})
}

func TestSharedJob_RunsOnceAnIntervalWhereverAndGoesOnWithoutTheStopped(t *testing.T) {
	t.Parallel()
	const size, every = 4, time.Second
	began := time.Now()
	members := startTeam(t, size, every)
	eventually(t, "it has run four times", func() bool { _, all := members.counts(); return all >= 4 })
	if _, all := members.counts(); all > int64(time.Since(began)/every)+1 {
		t.Errorf("%d runs in %v", all, time.Since(began))
	}
	for _, r := range members.runners[1:] {
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	alone := members.runs[0].Load()
	eventually(t, "the last one does it all", func() bool { return members.runs[0].Load() >= alone+2 })
}
