//go:build unix

package prefork

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// killedPause bounds the pause after a ready worker was killed, by the kernel for its
// memory or by an operator: its start had no fault.
const killedPause = time.Second

var errNoWorker = errors.New("no worker runs in the slot")

// slotSupervisor keeps a worker running in one slot.
type slotSupervisor struct {
	s            *Supervisor
	slot         int
	replacements chan chan error // requests; the inner channel gets the outcome

	failures int // in a row: starts that failed and workers that ended themselves early
	restarts int // in a row, for any cause: the pause grows with them
}

// run runs workers until ctx ends. After too many failures it cancels ctx with ErrGaveUp.
func (k *slotSupervisor) run(ctx context.Context, cancel context.CancelCauseFunc) {
	for ctx.Err() == nil {
		c, err := k.start(ctx)
		if err == nil {
			c = k.watch(ctx, c)
			if ctx.Err() != nil {
				return
			}
			err = c.reason()
		}
		if ctx.Err() != nil {
			return
		}
		pause := k.restartDelay(c, err)
		if k.failures >= k.s.o.MaxFailures && !k.s.stable() {
			cancel(fmt.Errorf("%w: the worker in slot %d failed %d times in a row, at last: %w",
				ErrGaveUp, k.slot, k.failures, err))
			return
		}
		k.s.change(k.slot, func(slot *Slot) {
			slot.PID, slot.State = 0, Down
			slot.Restarts++
		})
		k.s.o.Log.Error("a worker exited unexpectedly", "worker", k.slot, "error", err,
			"failures", k.failures, "restart_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// restartDelay counts an unexpected exit and returns the pause before the restart.
// c is nil if no process was started.
func (k *slotSupervisor) restartDelay(c *child, err error) time.Duration {
	ready := c != nil && c.isReady()
	if ready && time.Since(c.readyAt) >= k.s.o.StableAfter {
		k.failures, k.restarts = 0, 0
	}
	k.restarts++
	most := k.s.o.MaxPause
	if ready && (c.killed() || err == nil) {
		most = min(most, killedPause)
	} else {
		k.failures++
	}
	pause := k.s.o.MinPause
	for range k.restarts - 1 {
		if pause = 2 * pause; pause >= most {
			break
		}
	}
	return min(pause, most)
}

// start starts a worker in an empty slot and waits until it is ready.
func (k *slotSupervisor) start(ctx context.Context) (*child, error) {
	c, err := k.s.spawn(k.slot)
	if err != nil {
		return nil, err
	}
	k.s.change(k.slot, func(slot *Slot) { slot.PID, slot.State = c.pid, Starting })
	if err := k.await(ctx, c); err != nil {
		return c, err
	}
	k.markReady(c)
	return c, nil
}

func (k *slotSupervisor) markReady(c *child) {
	k.s.change(k.slot, func(slot *Slot) { slot.PID, slot.State, slot.Since = c.pid, Ready, c.readyAt })
	k.s.o.Log.Info("a worker is ready", "worker", k.slot, "pid", c.pid)
}

// await waits until the worker is ready. When it returns an error, the worker has ended.
func (k *slotSupervisor) await(ctx context.Context, c *child) error {
	late := time.NewTimer(k.s.o.ReadyTimeout)
	defer late.Stop()
	select {
	case <-c.ready:
		return nil
	case <-c.ended:
		return fmt.Errorf("it ended before it was ready: %w", c.reason())
	case <-late.C:
		c.signal(syscall.SIGKILL)
		<-c.ended
		return fmt.Errorf("it was not ready within %s", k.s.o.ReadyTimeout)
	case <-ctx.Done():
		k.retire(c, c.terminate)
		return context.Cause(ctx)
	}
}

// watch waits for the end of a ready worker, or of the last one that replaced it, and
// returns that one. When ctx ends, it stops the worker.
func (k *slotSupervisor) watch(ctx context.Context, c *child) *child {
	retired := make(chan struct{}) // closed while no replaced worker is still draining
	close(retired)
	defer func() { <-retired }()
	for {
		select {
		case <-c.ended:
			return c
		case <-ctx.Done():
			k.retire(c, c.terminate)
			return c
		case outcome := <-k.replacements:
			next, err := k.s.spawn(k.slot)
			if err == nil {
				err = k.await(ctx, next)
			}
			if err != nil {
				outcome <- err
				continue
			}
			<-retired
			old, done := c, make(chan struct{})
			c, retired = next, done
			k.failures, k.restarts = 0, 0
			k.markReady(c)
			go func() {
				defer close(done)
				k.retire(old, func() { old.replaced.Store(true); old.wakeWriter() })
				outcome <- nil
			}()
		}
	}
}

// replace requests a new worker for the slot, and returns when the old one has ended.
func (k *slotSupervisor) replace(ctx context.Context) error {
	outcome := make(chan error, 1)
	waits := time.NewTimer(k.s.o.ReadyTimeout + k.s.o.MaxPause)
	defer waits.Stop()
	select {
	case k.replacements <- outcome:
		return <-outcome
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-waits.C:
		return errNoWorker
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
		k.s.o.Log.Warn("a worker has not drained in time, and is killed", "worker", k.slot, "pid", c.pid)
	case <-k.s.force:
	}
	c.signal(syscall.SIGKILL)
	<-c.ended
}
