package handlers

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/health"
	"example.com/prefab/services/memory"
)

// Health serves the routes for load balancers and people on call.
type Health struct {
	Health      *health.Health
	Memory      *memory.Meter
	Environment string
	MaxHeapMB   float64
	WriteBehind func() string             // how writes are taken: "buffered", "write-through" or "unavailable"
	Workers     func() (ready, whole int) // of the service; nil where one process serves
	Detail      bool                      // clients see what the service is made of, and which part is away
}

// Names of the dependencies, as the routes show them.
const (
	Database = "database"
	Replica  = "replica" // of the database, where there is one
	Redis    = "redis"
	Workers  = "workers" // some of them
)

// HealthReport is the answer of GET /health.
type HealthReport struct {
	Status    string    `json:"status"`
	Timestamp time.Time `json:"timestamp"`
	*HealthDetail
}

// OK reports whether no part is bad.
func (r HealthReport) OK() bool { return r.Status == okWord }

// Down returns the names of the dependencies that do not answer the process.
func (r HealthReport) Down() (names []string) {
	if r.HealthDetail == nil {
		return nil
	}
	for _, part := range []struct{ name, word string }{{Database, r.Database}, {Replica, r.Replica}, {Redis, r.Redis}} {
		if part.word == errorWord {
			names = append(names, part.name)
		}
	}
	return names
}

// HealthDetail is the part of a report that is for operators.
type HealthDetail struct {
	Uptime      float64      `json:"uptime"` // seconds
	Memory      memory.Usage `json:"memory"`
	Database    string       `json:"database"`
	Replica     string       `json:"replica,omitempty"`
	Redis       string       `json:"redis"`
	WriteBehind string       `json:"writeBehind"`
	Environment string       `json:"environment"`
	Workers     *workerCount `json:"workers,omitempty"`
}

type workerCount struct {
	Ready int `json:"ready"`
	All   int `json:"all"`
}

// few reports whether so many workers are missing that somebody should look.
func (w *workerCount) few() bool { return w != nil && 2*w.Ready < w.All }

func (h *Health) countWorkers() *workerCount {
	if h.Workers == nil {
		return nil
	}
	ready, all := h.Workers()
	return &workerCount{Ready: ready, All: all}
}

const (
	okWord    = "ok"
	errorWord = "error"
)

// Show answers GET /health: 503 where a part of the process is bad.
func (h *Health) Show(c *fiber.Ctx) error {
	report := h.Report(c.UserContext())
	if !h.Detail {
		report.HealthDetail = nil
	}
	if !report.OK() {
		c.Status(fiber.StatusServiceUnavailable)
	}
	return sendUncached(c, report)
}

// Report tells how the process is doing, with all detail.
func (h *Health) Report(ctx context.Context) HealthReport {
	down := h.Health.Down(ctx)
	word := func(bad bool) string {
		if bad {
			return errorWord
		}
		return okWord
	}
	memory := h.Memory.Read()
	workers := h.countWorkers()
	bad := len(down) > 0 || h.Health.State() != health.Ready || memory.HeapUsed > h.MaxHeapMB || workers.few()
	detail := HealthDetail{
		Uptime:      math.Round(h.Health.Uptime().Seconds()*1000) / 1000,
		Memory:      memory,
		Database:    word(slices.Contains(down, Database)),
		Redis:       word(slices.Contains(down, Redis)),
		WriteBehind: h.WriteBehind(),
		Environment: h.Environment,
		Workers:     workers,
	}
	if slices.Contains(h.Health.Names(), Replica) {
		detail.Replica = word(slices.Contains(down, Replica))
	}
	return HealthReport{Status: word(bad), Timestamp: time.Now().UTC(), HealthDetail: &detail}
}

// Live answers GET /health/live: the process answers. No dependency is asked,
// since restarting this process would not bring it back.
func (h *Health) Live(c *fiber.Ctx) error {
	return sendProbe(c, Probe{Status: "live"})
}

// Ready answers GET /health/ready; with Detail it names what is away.
func (h *Health) Ready(c *fiber.Ctx) error {
	state := h.Health.State()
	var down []string
	if h.Detail && state == health.Ready {
		down = h.Health.Down(c.UserContext())
		if workers := h.countWorkers(); workers != nil && workers.Ready < workers.All {
			down = append(down, Workers)
		}
	}
	status, body := Readiness(state, down)
	return sendProbe(c.Status(status), body)
}

// Readiness is the answer to GET /health/ready: 200 while requests should be sent. A
// lost dependency does not change that, or every node would leave the balancer
// at once; it is named instead.
func Readiness(state health.State, degraded []string) (status int, body Probe) {
	switch state {
	case health.Starting:
		return fiber.StatusServiceUnavailable, Probe{Status: "starting"}
	case health.Draining:
		return fiber.StatusServiceUnavailable, Probe{Status: "draining"}
	}
	return fiber.StatusOK, Probe{Status: "ready", Degraded: degraded}
}

// Probe is the answer of GET /health/live and /health/ready.
type Probe struct {
	Degraded []string `json:"degraded,omitempty"`
	Status   string   `json:"status"`
}

// sendProbe writes what is nearly always the answer without an encoder.
func sendProbe(c *fiber.Ctx, probe Probe) error {
	if len(probe.Degraded) > 0 {
		return sendUncached(c, probe)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	return c.SendString(`{"status":"` + probe.Status + `"}`)
}

func sendUncached(c *fiber.Ctx, v any) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(v)
}
