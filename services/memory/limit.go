package memory

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

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
