package services

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State is where a process stands in its life.
type State int32

// The states, in their order.
const (
	Starting State = iota
	Ready
	Draining
)

// Dependency is a server that the service needs.
type Dependency struct {
	Name  string // as /health shows it
	Check func(context.Context) error
}

const (
	checkTimeout  = time.Second            // a dependency that takes longer counts as down
	checkMaxAge   = time.Second            // so that probes, however many, cannot load a dependency
	checkPatience = 250 * time.Millisecond // what a probe waits for a check; balancers give it a second
)

// Health knows whether the process serves, and which of its dependencies answer.
type Health struct {
	state        atomic.Int32
	started      time.Time
	dependencies []Dependency

	mu       sync.Mutex
	checking chan struct{} // closed when the check under way ends; nil without one
	checked  time.Time
	down     []string
}

// NewHealth returns the health of a process that is starting now.
func NewHealth(dependencies ...Dependency) *Health {
	return &Health{started: time.Now(), dependencies: dependencies}
}

// State is where the process stands.
func (h *Health) State() State { return State(h.state.Load()) }

// Enter moves the process on to a state.
func (h *Health) Enter(s State) { h.state.Store(int32(s)) }

// Uptime is the time since the start.
func (h *Health) Uptime() time.Duration { return time.Since(h.started) }

// Down returns the names of the dependencies that do not answer, in order. It
// asks them at most once a second, and does not wait for one that hangs: until
// the check is through, the last known answer stands.
func (h *Health) Down(ctx context.Context) []string {
	checking := h.refresh()
	if checking != nil {
		patience := time.NewTimer(checkPatience)
		defer patience.Stop()
		select {
		case <-checking:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.down)
}

// refresh starts a check where one is due, and returns the one under way.
func (h *Health) refresh() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checking != nil || time.Since(h.checked) < checkMaxAge {
		return h.checking
	}
	done := make(chan struct{})
	h.checking = done
	go func() {
		// Not under the caller's context: its end must not make a dependency seem down.
		down := h.check(context.Background())
		h.mu.Lock()
		h.down, h.checked, h.checking = down, time.Now(), nil
		h.mu.Unlock()
		close(done)
	}()
	return done
}

func (h *Health) check(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	errs := make([]error, len(h.dependencies))
	var checks sync.WaitGroup
	for i, d := range h.dependencies {
		checks.Go(func() { errs[i] = d.Check(ctx) })
	}
	checks.Wait()
	var down []string
	for i, err := range errs {
		if err != nil {
			down = append(down, h.dependencies[i].Name)
		}
	}
	return down
}
