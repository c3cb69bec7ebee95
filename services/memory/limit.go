package memory

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Meter measures the memory of this process and knows its limit: that of
// the Go runtime, GOMEMLIMIT, where there is one; else this process's share of
// what the cgroup or the machine has, whichever is less.
//
// Each limit counts in its own way. GOMEMLIMIT covers what the runtime has taken
// and not given back; for the kernel the resident pages count, whoever took them.
type Meter struct {
	limit float64 // of the kernel, in bytes; 0: unknown
}

// NewMeter returns a meter for one of so many processes that share the
// machine evenly. It asks for the kernel's limits once.
func NewMeter(processes int) *Meter {
	return newMemoryMeter(processes, memlimit.FromCgroup, memlimit.FromSystem)
}

func newMemoryMeter(processes int, sources ...memlimit.Provider) *Meter {
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
