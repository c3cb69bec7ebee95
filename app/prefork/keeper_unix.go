//go:build unix

package prefork

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// killedPause bounds the pause after a worker that served was killed: by the
// kernel for its memory or by somebody's hand, not by a fault of its start.
const killedPause = time.Second

var errNoWorker = errors.New("no worker runs in the slot")

// keeper keeps one slot filled.
type keeper struct {
	s     *Supervisor
	slot  int
	rolls chan chan error // asks for a replacement; the channel gets the outcome

	failures int // in a row: starts that failed and workers that ended themselves early
	restarts int // in a row, for whatever cause: what the pause grows by
}

// keep runs workers until life ends, which it ends itself where it gives up.
func (k *keeper) keep(life context.Context, end context.CancelCauseFunc) {
	for life.Err() == nil {
		c, err := k.start(life)
		if err == nil {
			c = k.watch(life, c)
			if life.Err() != nil {
				return
			}
			err = c.reason()
		}
		if life.Err() != nil {
			return
		}
		pause := k.judge(c, err)
		if k.failures >= k.s.o.MaxFailures && !k.s.stable() {
			end(fmt.Errorf("%w: the worker in slot %d failed %d times in a row, at last: %w",
				ErrGaveUp, k.slot, k.failures, err))
			return
		}
		k.s.change(k.slot, func(slot *Slot) {
			slot.PID, slot.State = 0, Down
			slot.Restarts++
		})
		k.s.o.Log.Error("a worker ended unasked", "slot", k.slot, "error", err,
			"failures", k.failures, "restartIn", pause)
		select {
		case <-time.After(pause):
		case <-life.Done():
		}
	}
}

// judge counts an end that nobody asked for, and says how long to wait after it.
// c is nil where no process came to be.
func (k *keeper) judge(c *child, err error) time.Duration {
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
func (k *keeper) start(life context.Context) (*child, error) {
	c, err := k.s.spawn(k.slot)
	if err != nil {
		return nil, err
	}
	k.s.change(k.slot, func(slot *Slot) { slot.PID, slot.State = c.pid, Starting })
	if err := k.await(life, c); err != nil {
		return c, err
	}
	k.settle(c)
	return c, nil
}

func (k *keeper) settle(c *child) {
	k.s.change(k.slot, func(slot *Slot) { slot.PID, slot.State, slot.Since = c.pid, Ready, c.readyAt })
	k.s.o.Log.Info("a worker is ready", "slot", k.slot, "pid", c.pid)
}

// await waits until the worker is ready. Where it does not become so, it has ended.
func (k *keeper) await(life context.Context, c *child) error {
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
	case <-life.Done():
		k.retire(c, c.terminate)
		return context.Cause(life)
	}
}

// watch stays with a ready worker, and with those that replace it, and returns
// the last one when it has ended, by itself or since life did.
func (k *keeper) watch(life context.Context, c *child) *child {
	retired := make(chan struct{})
	close(retired)
	defer func() { <-retired }()
	for {
		select {
		case <-c.ended:
			return c
		case <-life.Done():
			k.retire(c, c.terminate)
			return c
		case outcome := <-k.rolls:
			next, err := k.s.spawn(k.slot)
			if err == nil {
				err = k.await(life, next)
			}
			if err != nil {
				outcome <- err
				continue
			}
			<-retired
			old, done := c, make(chan struct{})
			c, retired = next, done
			k.failures, k.restarts = 0, 0
			k.settle(c)
			go func() {
				defer close(done)
				k.retire(old, func() { old.replaced.Store(true); old.changed() })
				outcome <- nil
			}()
		}
	}
}

// replace has the slot's worker replaced, and returns when the old one has ended.
func (k *keeper) replace(life context.Context) error {
	outcome := make(chan error, 1)
	waits := time.NewTimer(k.s.o.ReadyTimeout + k.s.o.MaxPause)
	defer waits.Stop()
	select {
	case k.rolls <- outcome:
		return <-outcome
	case <-life.Done():
		return context.Cause(life)
	case <-waits.C:
		return errNoWorker
	}
}

// retire asks a worker to end, by a signal or by telling it that it is replaced,
// waits for it, and kills it when its time is over.
func (k *keeper) retire(c *child, ask func()) {
	ask()
	late := time.NewTimer(k.s.o.DrainTimeout)
	defer late.Stop()
	select {
	case <-c.ended:
		return
	case <-late.C:
		k.s.o.Log.Warn("a worker has not drained in time, and is killed", "slot", k.slot, "pid", c.pid)
	case <-k.s.force:
	}
	c.signal(syscall.SIGKILL)
	<-c.ended
}
