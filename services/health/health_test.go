package health_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/services/health"
)

// dependency is a server that is down or not, and counts who asks.
type dependency struct {
	down  atomic.Bool
	asked atomic.Int64
}

func (d *dependency) check(ctx context.Context) error {
	d.asked.Add(1)
	if d.down.Load() {
		return errors.New("refused")
	}
	return ctx.Err()
}

// never is a server that accepts and does not answer.
func never(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestHealth_NamesWhatIsDownInTheirOrder(t *testing.T) {
	var up, down dependency
	down.down.Store(true)
	h := health.New(
		health.Dependency{Name: "z", Check: down.check},
		health.Dependency{Name: "m", Check: up.check},
		health.Dependency{Name: "a", Check: down.check},
	)
	got := h.Down(t.Context())
	if !slices.Equal(got, []string{"z", "a"}) {
		t.Errorf("down are %v", got)
	}
	got[0] = "changed by the caller"
	if again := h.Down(t.Context()); again[0] != "z" {
		t.Errorf("down are %v", again)
	}
	if none := health.New().Down(t.Context()); len(none) != 0 {
		t.Errorf("down are %v", none)
	}
}

func TestHealth_ManyProbesAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where time stands still
		var d dependency
		entered, open := make(chan struct{}), make(chan struct{})
		h := health.New(health.Dependency{Name: "d", Check: func(ctx context.Context) error {
			close(entered)
			<-open
			return d.check(ctx)
		}})
		var probes sync.WaitGroup
		for range 50 {
			probes.Go(func() {
				if down := h.Down(t.Context()); len(down) > 0 {
					t.Errorf("down are %v", down)
				}
			})
		}
		<-entered
		close(open)
		probes.Wait()
		if d.asked.Load() != 1 {
			t.Errorf("asked %d times", d.asked.Load())
		}
	})
}

func TestHealth_AnAnswerLastsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dependency
		h := health.New(health.Dependency{Name: "d", Check: d.check})
		h.Down(t.Context())
		d.down.Store(true)
		time.Sleep(time.Second - time.Millisecond)
		if down := h.Down(t.Context()); len(down) > 0 || d.asked.Load() != 1 {
			t.Errorf("within the second: down are %v, asked %d times", down, d.asked.Load())
		}
		time.Sleep(time.Millisecond)
		if down := h.Down(t.Context()); len(down) != 1 || d.asked.Load() != 2 {
			t.Errorf("after it: down are %v, asked %d times", down, d.asked.Load())
		}
	})
}

func TestHealth_AProbeDoesNotWaitForADependencyThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dependency
		h := health.New(
			health.Dependency{Name: "one", Check: never},
			health.Dependency{Name: "good", Check: d.check},
			health.Dependency{Name: "other", Check: never},
		)
		probe := func(want ...string) {
			t.Helper()
			start := time.Now()
			if down := h.Down(t.Context()); !slices.Equal(down, want) {
				t.Errorf("down are %v, want %v", down, want)
			}
			if took := time.Since(start); took > 500*time.Millisecond { // of the bubble's time, so exact
				t.Errorf("took %v", took)
			}
		}
		probe("one", "other") // nothing better is known
		time.Sleep(time.Second)
		probe("one", "other")
		time.Sleep(10 * time.Second)
	})
}

func TestHealth_ACallerWhoLeavesDoesNotSpoilTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d dependency
		h := health.New(health.Dependency{Name: "d", Check: d.check})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.Down(ctx)
		synctest.Wait() // for the check that this has begun
		if down := h.Down(t.Context()); len(down) > 0 || d.asked.Load() != 1 {
			t.Errorf("down are %v, asked %d times", down, d.asked.Load())
		}
	})
}

func TestHealth_TheLastAnswerStandsForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		h := health.New(health.Dependency{Name: "d", Check: func(ctx context.Context) error {
			if hangs.Load() {
				return never(ctx)
			}
			return nil
		}})
		h.Down(t.Context())
		hangs.Store(true)
		time.Sleep(time.Second)
		if down := h.Down(t.Context()); len(down) > 0 {
			t.Errorf("a second after an answer down are %v", down)
		}
		hangs.Store(false)
		time.Sleep(time.Minute)
		h.Down(t.Context())
		hangs.Store(true)
		time.Sleep(10 * time.Minute)
		if down := h.Down(t.Context()); !slices.Equal(down, []string{"d"}) {
			t.Errorf("ten minutes after an answer down are %v", down)
		}
		time.Sleep(time.Minute)
	})
}

func TestHealth_StartsAsStartingAndMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := health.New()
		if h.State() != health.Starting {
			t.Errorf("state %v", h.State())
		}
		for _, s := range []health.State{health.Ready, health.Draining} {
			if h.Enter(s); h.State() != s {
				t.Errorf("state %v, want %v", h.State(), s)
			}
		}
		time.Sleep(time.Hour)
		if h.Uptime() != time.Hour {
			t.Errorf("up for %v", h.Uptime())
		}
	})
}
