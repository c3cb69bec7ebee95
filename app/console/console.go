package console

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/metrics"
)

const (
	askTimeout = 500 * time.Millisecond // for the answers of processes and nodes
	stateAge   = time.Second            // viewers share a State that is not older
)

// Options are what a console needs.
type Options struct {
	Node    NodeInfo
	Metrics *metrics.Merged // of all workers, as /metrics shows them
	// Workers lists the node's workers: their slots, process ids, states, restarts and health.
	Workers func() []Worker
	// Ask sends a Question to the worker in a slot, and returns its Answer, both as JSON.
	Ask  ask
	Roll func() // replaces the workers one by one; nil: there is no supervisor

	Redis    redis.UniversalClient // through which nodes ask each other
	Settings []Setting
	Actions  bool // allow what changes something
	Profiles bool // serve /debug/pprof/
	Log      *slog.Logger
}

// Console serves the operations console. It is an http.Handler for /ops, /ops/… and
// /debug/pprof/.
type Console struct {
	o       Options
	history history
	nodes   *nodes
	mux     http.Handler
	viewers chan struct{} // a semaphore

	mu     sync.Mutex
	states map[string]*sharedState // by the route of the history

	processes processes
}

// New returns a console. It shows nothing of the past before Run.
func New(o Options) *Console {
	c := &Console{o: o, states: make(map[string]*sharedState), viewers: make(chan struct{}, maxViewers)}
	c.nodes = newNodes(o.Redis, c.local)
	c.mux = c.routes()
	return c
}

// Run remembers what the metrics count, and answers other nodes, until ctx ends.
func (c *Console) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { c.nodes.run(ctx) })
	defer all.Wait()
	c.sample()
	for tick := time.NewTicker(step); ; {
		select {
		case <-tick.C:
			c.sample()
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

func (c *Console) sample() { c.history.record(time.Now(), c.o.Metrics.Totals()) }

// State returns the state of the service, with the history of a route, or of all if it is
// empty. It is at most a second old. It takes half a second if a process or a node does not
// answer.
func (c *Console) State(ctx context.Context, route string) State {
	shared := c.sharedState(route)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	now := time.Now()
	if now.Sub(shared.Time) < stateAge {
		return shared.State
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout) // others get the same, if this viewer goes
	defer cancel()
	question := c.nodes.ask(ctx, route)
	own := c.local(ctx, route)
	others, problem := question.wait(ctx)
	s := merge(append([]*node{own}, others...), route, now)
	s.Problem = cmp.Or(problem, s.Problem) // that nodes are missing explains most
	s.Actions, s.Rolls, s.Settings = c.o.Actions, c.o.Actions && c.o.Roll != nil, c.o.Settings
	shared.State = s
	return s
}

// sharedState is a State that viewers of the same route share.
type sharedState struct {
	mu sync.Mutex
	State
}

const maxShared = 64

func (c *Console) sharedState(route string) *sharedState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) >= maxShared { // somebody asks for routes that there are not
		clear(c.states)
	}
	return entry(c.states, route)
}

// local returns what this node tells.
func (c *Console) local(ctx context.Context, route string) *node {
	info := c.o.Node
	info.Seen = time.Now().UTC()
	families, err := c.o.Metrics.Gather()
	n := newNode(info, families, &c.history, route)
	if err != nil {
		n.Problem = "A part of the metrics cannot be read."
	}
	measured := n.Workers
	n.Workers = nil
	for _, w := range c.o.Workers() {
		if i := slices.IndexFunc(measured, func(m Worker) bool { return m.Slot == w.Slot }); i >= 0 && w.PID != 0 {
			w.Started, w.Memory, w.InFlight = measured[i].Started, measured[i].Memory, measured[i].InFlight
		}
		n.Workers = append(n.Workers, w)
	}
	c.processes.refresh(ctx, c.o.Ask, c.runningSlots())
	c.processes.tell(n)
	return n
}

func (c *Console) runningSlots() (slots []int) {
	for _, w := range c.o.Workers() {
		if w.PID != 0 {
			slots = append(slots, w.Slot)
		}
	}
	return slots
}
