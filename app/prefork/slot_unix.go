//go:build unix

package prefork

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	stableAfter = 10 * time.Second // a worker that was ready for it resets its slot's failures
	minPause    = 100 * time.Millisecond
	maxPause    = 5 * time.Second
	maxFailures = 6 // in a row, of one slot, while no worker is stable
)

// slotSupervisor keeps a worker running in one slot.
type slotSupervisor struct {
	s            *Supervisor
	slot         int
	replacements chan replacement

	failures int // in a row: starts that failed and workers that ended themselves early
	restarts int // in a row, for any cause: the pause grows with them
}

// replacement is a request to replace the worker of a slot.
type replacement struct {
	outcome chan error // nil once the old worker has ended
}

// run runs workers until ctx ends. After too many failures it cancels ctx with ErrGaveUp.
func (k *slotSupervisor) run(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		err := k.superviseWorker(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := k.restartDelay(err)
		if k.givesUp() {
			cancel(fmt.Errorf("%w: the worker in slot %d failed %d times in a row, at last: %w",
				ErrGaveUp, k.slot, k.failures, err))
			return
		}
		k.s.set(k.slot, Down, 0)
		k.s.o.Log.Error("a worker exited unexpectedly", "worker", k.slot, "error", err,
			"failures", k.failures, "restart_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (k *slotSupervisor) givesUp() bool {
	return k.failures >= maxFailures && !slices.ContainsFunc(k.s.Slots(), stable)
}

// restartDelay counts an unexpected exit and returns the pause before the restart. An
// exit with 0 or by SIGKILL, as for want of memory, is no failure of a worker that was ready.
func (k *slotSupervisor) restartDelay(err error) time.Duration {
	slot := k.s.Slots()[k.slot]
	if stable(slot) {
		k.failures, k.restarts = 0, 0
	}
	k.restarts++
	if slot.State != Ready || err != nil && !killed(err) {
		k.failures++
	}
	return min(minPause<<min(k.restarts-1, 10), maxPause)
}

func stable(slot Slot) bool { return slot.State == Ready && time.Since(slot.Since) >= stableAfter }

// killed reports whether SIGKILL ended the process.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// superviseWorker runs one worker, and those that replace it, until the last one ends, and
// returns how. When ctx ends, it stops the worker.
func (k *slotSupervisor) superviseWorker(ctx context.Context) error {
	k.s.set(k.slot, Starting, 0)
	c, err := k.start(ctx)
	if err != nil {
		return err
	}
	var draining sync.WaitGroup // of the worker that is replaced
	defer draining.Wait()
	for {
		select {
		case <-c.ended:
			return c.err
		case <-ctx.Done():
			k.retire(c, func() { c.signal(syscall.SIGTERM) })
			return nil
		case request := <-k.replacements:
			next, err := k.start(ctx)
			if err != nil {
				request.outcome <- err
				continue
			}
			old := c
			c, k.failures, k.restarts = next, 0, 0
			draining.Go(func() {
				k.retire(old, old.replaced)
				request.outcome <- nil
			})
		}
	}
}

// start starts a worker and waits until it is ready. When it returns an error, the
// worker has ended.
func (k *slotSupervisor) start(ctx context.Context) (*child, error) {
	c, err := k.s.spawn(k.slot)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(k.s.o.ReadyTimeout)
	defer late.Stop()
	select {
	case <-c.ready:
		k.s.set(k.slot, Ready, c.pid())
		k.s.setChild(c)
		k.s.o.Log.Info("a worker is ready", "worker", k.slot, "pid", c.pid())
		return c, nil
	case <-c.ended:
		return nil, fmt.Errorf("it ended before it was ready: %s", c.command.ProcessState)
	case <-late.C:
		c.signal(syscall.SIGKILL)
		<-c.ended
		return nil, fmt.Errorf("it was not ready within %s", k.s.o.ReadyTimeout)
	case <-ctx.Done():
		k.retire(c, func() { c.signal(syscall.SIGTERM) })
		return nil, context.Cause(ctx)
	}
}

// replace requests a new worker for the slot, and returns when the old one has ended.
// It waits for one that is just being started.
func (k *slotSupervisor) replace(ctx context.Context) error {
	request := replacement{make(chan error, 1)}
	select {
	case k.replacements <- request:
		return <-request.outcome
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retire calls ask, which makes the worker drain, and waits for its end. It kills the
// worker after DrainTimeout.
func (k *slotSupervisor) retire(c *child, ask func()) {
	ask()
	late := time.NewTimer(k.s.o.DrainTimeout)
	defer late.Stop()
	select {
	case <-c.ended:
		return
	case <-late.C:
		k.s.o.Log.Warn("a worker has not drained in time, and is killed", "worker", k.slot, "pid", c.pid())
	case <-k.s.force:
	}
	c.signal(syscall.SIGKILL)
	<-c.ended
}
