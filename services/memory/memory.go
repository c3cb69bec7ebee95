// Package memory measures the memory of the process and compares it with its limit. It
// does not stop the world, so it can be called often.
//
//	meter := memory.NewMeter(1) // processes on this machine
//	usage := meter.Read()
//	if usage.Limit > 0 && usage.LimitUsed > 0.8*usage.Limit {
//		log.Warn("memory is short", "used_mib", usage.LimitUsed, "limit_mib", usage.Limit)
//	}
package memory

import (
	"fmt"
	"math"
	"os"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Usage is the memory of this process, in MiB.
type Usage struct {
	RSS       float64 `json:"rss" minimum:"0"`                             // resident, as the kernel counts it
	HeapTotal float64 `json:"heapTotal" minimum:"0"`                       // taken from the system, and not returned
	HeapUsed  float64 `json:"heapUsed" minimum:"0"`                        // objects, live or not yet swept
	External  float64 `json:"external" minimum:"0" doc:"Beside the heap."` // the runtime's: stacks, metadata, profiles

	Limit     float64 `json:"limit,omitzero" exclusiveMinimum:"0" doc:"What the process may hold, if known."`
	LimitUsed float64 `json:"limitUsed" minimum:"0" doc:"What counts against the limit."`
}

const mib = 1 << 20

// Meter measures the memory of this process. Its limit is GOMEMLIMIT, if that is set, else
// this process's share of the memory of the cgroup or the machine, whichever is less.
// GOMEMLIMIT limits what the runtime has taken from the system and not returned, the
// kernel's limit the resident pages.
type Meter struct {
	limit float64 // the kernel's, in bytes; 0: unknown
}

// NewMeter returns a meter for one of so many processes that share the machine evenly. It
// reads the kernel's limits once.
func NewMeter(processes int) *Meter {
	return newMeter(processes, memlimit.FromCgroup, memlimit.FromSystem)
}

func newMeter(processes int, sources ...memlimit.Provider) *Meter {
	least := math.Inf(1)
	for _, source := range sources {
		if limit, err := source(); err == nil { // an error: no limit, or not on this system
			least = min(least, float64(limit))
		}
	}
	if math.IsInf(least, 1) {
		return &Meter{}
	}
	return &Meter{limit: least / float64(processes)}
}

// Read measures this process.
func (m *Meter) Read() Usage {
	values := readMetrics()
	class := func(name string) float64 { return float64(values["/memory/classes/"+name+":bytes"]) }

	used := class("heap/objects")
	heap := used + class("heap/unused") + class("heap/free")
	held := class("total") - class("heap/released")
	rss, ok := residentBytes()
	if !ok {
		rss = held
	}
	limit, against := m.limit, rss
	if own := values["/gc/gomemlimit:bytes"]; own != math.MaxInt64 {
		limit, against = float64(own), held
	}
	return Usage{
		RSS: round(rss / mib), HeapTotal: round(heap / mib), HeapUsed: round(used / mib),
		External: round((held - heap) / mib),
		Limit:    round(limit / mib), LimitUsed: round(against / mib),
	}
}

// readMetrics returns metrics of the runtime by their names.
func readMetrics() map[string]uint64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(samples)
	values := make(map[string]uint64, len(samples))
	for _, sample := range samples {
		values[sample.Name] = sample.Value.Uint64()
	}
	return values
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// residentBytes reads Linux's /proc; elsewhere Read uses the runtime's own figure.
func residentBytes() (float64, bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var size, resident float64 // in pages
	_, err = fmt.Sscan(string(statm), &size, &resident)
	return resident * float64(os.Getpagesize()), err == nil
}
