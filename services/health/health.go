// Package health knows whether the process serves, and which of its dependencies answer.
// It asks each dependency at most once a second, however many probes come, and no probe
// waits longer than half a second for one that hangs.
//
//	monitor := health.New(health.Dependency{Name: "database", Check: db.PingContext})
//	… // start
//	monitor.Enter(health.Ready)
//	if down := monitor.Down(ctx); len(down) > 0 {
//		log.Warn("dependencies do not answer", "names", down)
//	}
package health

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// State is a phase in the life of a process.
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
	checkTimeout = time.Second            // a dependency that takes longer is down
	checkMaxAge  = time.Second            // until the next check
	probeTimeout = 500 * time.Millisecond // for a probe to wait for a check; load balancers wait a second
)

// Monitor holds the state of the process and of its dependencies.
type Monitor struct {
	state        atomic.Int32
	started      time.Time
	dependencies []*dependency
}

type dependency struct {
	Dependency

	mu      sync.Mutex
	running chan struct{} // closed when the running check ends; nil without one
	checked time.Time     // when the last check ended
	down    bool          // in the last check
}

// New returns the monitor of a process that is starting now.
func New(dependencies ...Dependency) *Monitor {
	m := &Monitor{started: time.Now()}
	for _, d := range dependencies {
		m.dependencies = append(m.dependencies, &dependency{Dependency: d})
	}
	return m
}

// State returns the state of the process.
func (m *Monitor) State() State { return State(m.state.Load()) }

// Enter sets the state of the process.
func (m *Monitor) Enter(s State) { m.state.Store(int32(s)) }

// Uptime is the time since New.
func (m *Monitor) Uptime() time.Duration { return time.Since(m.started) }

// Names returns the names of the dependencies, in order.
func (m *Monitor) Names() []string {
	names := make([]string, len(m.dependencies))
	for i, d := range m.dependencies {
		names[i] = d.Name
	}
	return names
}

// Down returns the names of the dependencies that do not answer, in order. While a
// dependency hangs, its last result is used, until that is too old: then it is down.
func (m *Monitor) Down(ctx context.Context) []string {
	isDown := make([]bool, len(m.dependencies))
	var all sync.WaitGroup
	for i, d := range m.dependencies {
		all.Go(func() { isDown[i] = d.isDown(ctx) })
	}
	all.Wait()
	var down []string
	for i, d := range m.dependencies {
		if isDown[i] {
			down = append(down, d.Name)
		}
	}
	return down
}

func (d *dependency) isDown(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil && time.Since(d.checked) >= checkMaxAge {
		d.running = make(chan struct{})
		go d.check(d.running) //nolint:gosec // a probe's end must not make the dependency seem down
	}
	if running := d.running; running != nil {
		d.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
		}
		d.mu.Lock()
	}
	return d.down || time.Since(d.checked) > checkMaxAge+checkTimeout
}

func (d *dependency) check(done chan struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	err := d.Check(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running, d.checked, d.down = nil, time.Now(), err != nil
}
