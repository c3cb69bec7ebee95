//go:build unix

package prefork

import (
	"errors"
	"os/exec"
	"testing"
	"time"
)

// inSlot returns a supervisor of the first slot of several, which are in these states.
func inSlot(slots ...Slot) *slotSupervisor { return &slotSupervisor{s: &Supervisor{slots: slots}} }

func TestRestartDelay_DoublesUntilAWorkerIsStable(t *testing.T) {
	k := inSlot(Slot{State: Starting})
	crash := errors.New("crash")
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if got := k.restartDelay(crash); got != want*time.Millisecond || k.failures != i+1 {
			t.Errorf("pause %d is %s, with %d failures", i, got, k.failures)
		}
	}
	k.s.slots[0] = Slot{State: Ready, Since: time.Now().Add(-time.Minute)}
	if got := k.restartDelay(crash); got != 100*time.Millisecond || k.failures != 1 {
		t.Errorf("after a stable worker the pause is %s, with %d failures", got, k.failures)
	}
}

func TestRestartDelay_ExitWithZeroOrSIGKILLIsNoFailureOfAReadyWorker(t *testing.T) {
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	for _, c := range []struct {
		state    State
		err      error
		failures int
	}{
		{Ready, nil, 0},
		{Ready, killed, 0},
		{Ready, exec.Command("sh", "-c", "kill -11 $$").Run(), 10},
		{Ready, exec.Command("false").Run(), 10},
		{Starting, nil, 10},
		{Starting, killed, 10},
	} {
		k := inSlot(Slot{State: c.state, Since: time.Now()})
		for range 10 {
			k.restartDelay(c.err)
		}
		if k.failures != c.failures {
			t.Errorf("%s, %v: %d failures", c.state, c.err, k.failures)
		}
	}
}

func TestGivesUp_NotWhileAnotherWorkerIsStable(t *testing.T) {
	k := inSlot(Slot{State: Starting}, Slot{State: Ready, Since: time.Now()})
	for range maxFailures {
		if k.givesUp() {
			t.Errorf("it gives up after %d failures", k.failures)
		}
		k.restartDelay(errors.New("crash"))
	}
	if !k.givesUp() {
		t.Errorf("it does not give up after %d failures", k.failures)
	}
	k.s.slots[1].Since = time.Now().Add(-time.Minute)
	if k.givesUp() {
		t.Error("it ends a stable worker")
	}
}
