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
	dependencies []Dependency

	mu       sync.Mutex
	checking chan struct{} // closed when the running check ends; nil without one
	checked  time.Time     // when the last check ended
	down     []bool        // by dependency, in its last check
	waiting  []bool        // by dependency: the running check has no answer yet
}

// New returns the monitor of a process that is starting now.
func New(dependencies ...Dependency) *Monitor {
	return &Monitor{
		started: time.Now(), dependencies: dependencies,
		down: make([]bool, len(dependencies)), waiting: make([]bool, len(dependencies)),
	}
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
	if checking := m.check(); checking != nil {
		timeout := time.NewTimer(probeTimeout)
		defer timeout.Stop()
		select {
		case <-checking:
		case <-timeout.C:
		case <-ctx.Done():
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	isOld := time.Since(m.checked) > checkMaxAge+checkTimeout
	var down []string
	for i, d := range m.dependencies {
		if m.down[i] || m.waiting[i] && isOld {
			down = append(down, d.Name)
		}
	}
	return down
}

// check starts a check of every dependency if one is due, and returns the running one.
func (m *Monitor) check() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checking != nil || time.Since(m.checked) < checkMaxAge {
		return m.checking
	}
	done := make(chan struct{})
	m.checking = done
	var all sync.WaitGroup
	for i := range m.dependencies {
		m.waiting[i] = true
		all.Go(func() { m.checkOne(i) })
	}
	go func() {
		all.Wait()
		m.mu.Lock()
		m.checked, m.checking = time.Now(), nil
		m.mu.Unlock()
		close(done)
	}()
	return done
}

func (m *Monitor) checkOne(i int) {
	// Not with a probe's context: its end must not make a dependency seem down.
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	err := m.dependencies[i].Check(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down[i], m.waiting[i] = err != nil, false
}
