// Package ops holds the handlers for operators and load balancers. It promises that a
// liveness probe asks no dependency, that a lost dependency is reported but does not
// take the process out of the load balancer, and that a public port shows no detail
// unless Detail is set.
//
//	health := &ops.Health{
//		Monitor: health.New(health.Dependency{Name: ops.Database, Check: db.PingContext}),
//		Memory:  memory.NewMeter(1), MaxHeapMB: 1000, Environment: "production",
//	}
//	app.Get("/health", health.Show)
//	app.Get("/health/live", health.Live)
//	app.Get("/health/ready", health.Ready)
package ops

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
)

// Health serves the health routes.
type Health struct {
	Monitor     *health.Monitor
	Memory      *memory.Meter
	MaxHeapMB   float64 // more is an error
	Environment string
	WriteBehind func() string // mode: "buffered", "write-through" or "unavailable"; nil: there is none
	Detail      bool          // show clients the parts of the service, and which ones are down
}

// Names of the dependencies, as the routes show them.
const (
	Database = "database"
	Replica  = "replica" // of the database, where there is one
	Redis    = "redis"
)

const (
	statusOK    = "ok"
	statusError = "error"
)

// Report is the answer of GET /health.
type Report struct {
	Status    string    `json:"status" enum:"ok,error"`
	Timestamp time.Time `json:"timestamp"`
	*Detail
}

// Detail is the part of a Report that is for operators.
type Detail struct {
	Uptime      float64      `json:"uptime" minimum:"0" doc:"In seconds."`
	Memory      memory.Usage `json:"memory" doc:"What this process holds, in MiB."`
	Database    string       `json:"database" enum:"ok,error"`
	Replica     string       `json:"replica,omitempty" enum:"ok,error" doc:"Of the database, where there is one."`
	Redis       string       `json:"redis" enum:"ok,error"`
	WriteBehind string       `json:"writeBehind,omitempty" enum:"buffered,write-through,unavailable"`
	Environment string       `json:"environment" enum:"development,production"`
	Workers     *workerCount `json:"workers,omitempty" doc:"-"` // on ADMIN_ADDR alone
}

type workerCount struct {
	Ready int `json:"ready"`
	All   int `json:"all"`
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return r.Status == statusOK }

// WithWorkers returns the report of a service: of its workers so many are ready. Fewer than
// half of them are an error.
func (r Report) WithWorkers(ready, all int) Report {
	if 2*ready < all {
		r.Status = statusError
	}
	if r.Detail != nil {
		detail := *r.Detail
		detail.Workers = &workerCount{Ready: ready, All: all}
		r.Detail = &detail
	}
	return r
}

// Down returns the names of the dependencies that do not answer the process.
func (r Report) Down() (names []string) {
	if r.Detail == nil {
		return nil
	}
	for _, part := range [][2]string{{Database, r.Database}, {Replica, r.Replica}, {Redis, r.Redis}} {
		if part[1] == statusError {
			names = append(names, part[0])
		}
	}
	return names
}

// Show answers GET /health: 503 if something is wrong.
func (h *Health) Show(c *fiber.Ctx) error {
	report := h.Report(c.UserContext())
	if !h.Detail {
		report.Detail = nil
	}
	if !report.OK() {
		c.Status(fiber.StatusServiceUnavailable)
	}
	return sendUncached(c, report)
}

// Report returns the state of the process, with all detail.
func (h *Health) Report(ctx context.Context) Report {
	down := h.Monitor.Down(ctx)
	status := func(isBad bool) string {
		if isBad {
			return statusError
		}
		return statusOK
	}
	usage := h.Memory.Read()
	isBad := len(down) > 0 || h.Monitor.State() != health.Ready || usage.HeapUsed > h.MaxHeapMB
	detail := Detail{
		Uptime:      math.Round(h.Monitor.Uptime().Seconds()*1000) / 1000,
		Memory:      usage,
		Database:    status(slices.Contains(down, Database)),
		Redis:       status(slices.Contains(down, Redis)),
		Environment: h.Environment,
	}
	if slices.Contains(h.Monitor.Names(), Replica) {
		detail.Replica = status(slices.Contains(down, Replica))
	}
	if h.WriteBehind != nil {
		detail.WriteBehind = h.WriteBehind()
	}
	return Report{Status: status(isBad), Timestamp: time.Now().UTC(), Detail: &detail}
}

// Live answers GET /health/live: the process answers. It asks no dependency, since
// restarting this process would not bring that back.
func (h *Health) Live(c *fiber.Ctx) error { return sendUncached(c, Probe{Status: "live"}) }

// Ready answers GET /health/ready; with Detail it names what is down.
func (h *Health) Ready(c *fiber.Ctx) error {
	state := h.Monitor.State()
	var degraded []string
	if h.Detail && state == health.Ready {
		degraded = h.Monitor.Down(c.UserContext())
	}
	status, probe := Readiness(state, degraded)
	return sendUncached(c.Status(status), probe)
}

// Probe is the answer of GET /health/live and /health/ready.
type Probe struct {
	Degraded []string `json:"degraded,omitempty"`
	Status   string   `json:"status"`
}

// Readiness is the answer of GET /health/ready: 200 while the process should get
// requests. A lost dependency is only named: if it changed the status, every node would
// leave the load balancer at once.
func Readiness(state health.State, degraded []string) (status int, probe Probe) {
	switch state {
	case health.Starting:
		return fiber.StatusServiceUnavailable, Probe{Status: "starting"}
	case health.Draining:
		return fiber.StatusServiceUnavailable, Probe{Status: "draining"}
	}
	return fiber.StatusOK, Probe{Status: "ready", Degraded: degraded}
}

func sendUncached(c *fiber.Ctx, v any) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(v)
}
