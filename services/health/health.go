// Package health knows whether the process serves, and which of its dependencies answer.
package health

import (
	"context"
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
	checkPatience = 500 * time.Millisecond // what a probe waits for a check; balancers give it a second
)

// Health knows whether the process serves, and which of its dependencies answer.
type Health struct {
	state        atomic.Int32
	started      time.Time
	dependencies []Dependency

	mu       sync.Mutex
	checking chan struct{} // closed when the check under way ends; nil without one
	checked  time.Time     // when the last one ended
	down     []bool        // by dependency, as it last answered
	waiting  []bool        // by dependency: the check under way has no answer yet
}

// New returns the health of a process that is starting now.
func New(dependencies ...Dependency) *Health {
	return &Health{
		started: time.Now(), dependencies: dependencies,
		down: make([]bool, len(dependencies)), waiting: make([]bool, len(dependencies)),
	}
}

// State is where the process stands.
func (h *Health) State() State { return State(h.state.Load()) }

// Enter moves the process on to a state.
func (h *Health) Enter(s State) { h.state.Store(int32(s)) }

// Uptime is the time since the start.
func (h *Health) Uptime() time.Duration { return time.Since(h.started) }

// Names are the dependencies', in order.
func (h *Health) Names() []string {
	names := make([]string, len(h.dependencies))
	for i, d := range h.dependencies {
		names[i] = d.Name
	}
	return names
}

// Down returns the names of the dependencies that do not answer, in order. It
// asks them at most once a second, and does not wait for one that hangs: until
// it has answered or had its time, what it last said stands, but not for long.
func (h *Health) Down(ctx context.Context) []string {
	if checking := h.check(); checking != nil {
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
	outdated := time.Since(h.checked) > checkMaxAge+checkTimeout
	var down []string
	for i, d := range h.dependencies {
		if h.down[i] || h.waiting[i] && outdated {
			down = append(down, d.Name)
		}
	}
	return down
}

// check asks every dependency where that is due, and returns the check under way.
func (h *Health) check() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checking != nil || time.Since(h.checked) < checkMaxAge {
		return h.checking
	}
	done := make(chan struct{})
	h.checking = done
	var all sync.WaitGroup
	for i := range h.dependencies {
		h.waiting[i] = true
		all.Go(func() { h.ask(i) })
	}
	go func() {
		all.Wait()
		h.mu.Lock()
		h.checked, h.checking = time.Now(), nil
		h.mu.Unlock()
		close(done)
	}()
	return done
}

func (h *Health) ask(i int) {
	// Not under a probe's context: its end must not make a dependency seem down.
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	err := h.dependencies[i].Check(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down[i], h.waiting[i] = err != nil, false
}
