//go:build unix

package prefork

import (
	"errors"
	"testing"
	"time"
)

func TestRestartDelay_PausesDoubleUntilAWorkerIsStable(t *testing.T) {
	k := &slotSupervisor{s: &Supervisor{o: Options{}.withDefaults()}}
	crash := errors.New("crash")
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if got := k.restartDelay(nil, crash); got != want*time.Millisecond {
			t.Errorf("pause %d is %s", i, got)
		}
	}
	stable := &child{ready: make(chan struct{}), readyAt: time.Now().Add(-time.Minute)}
	close(stable.ready)
	if got := k.restartDelay(stable, crash); got != 100*time.Millisecond || k.failures != 1 {
		t.Errorf("after a stable worker the pause is %s, with %d failures", got, k.failures)
	}
}

func TestRestartDelay_EndingWellIsNoFailure(t *testing.T) {
	k := &slotSupervisor{s: &Supervisor{o: Options{}.withDefaults()}}
	ended := &child{ready: make(chan struct{}), readyAt: time.Now()}
	close(ended.ready)
	for range 10 {
		if got := k.restartDelay(ended, nil); got > killedPause {
			t.Errorf("the pause is %s", got)
		}
	}
	if k.failures != 0 {
		t.Errorf("%d failures are counted", k.failures)
	}
}
