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
	checkTimeout = time.Second // a dependency that takes longer counts as down
	checkMaxAge  = time.Second // so that probes, however many, cannot load a dependency
)

// Health knows whether the process serves, and which of its dependencies answer.
type Health struct {
	state        atomic.Int32
	started      time.Time
	dependencies []Dependency

	mu      sync.Mutex // held during a check: who comes meanwhile waits for its answer
	checked time.Time
	down    []string
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

// Down returns the names of the dependencies that do not answer, in order. What
// it says is at most a second old, and it answers within about a second.
func (h *Health) Down(ctx context.Context) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) > checkMaxAge {
		h.down = h.check(ctx)
		h.checked = time.Now()
	}
	return slices.Clone(h.down)
}

func (h *Health) check(ctx context.Context) []string {
	// Cut loose from the request: its end must not make the next one believe
	// that a dependency is down.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
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
