package server

import (
	"errors"
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory sets GOMEMLIMIT, where the environment does not, to nine tenths of
// this worker's share of the cgroup's limit: close to it the collector works
// harder, where the kernel would kill. AUTOMEMLIMIT=off leaves it alone, and
// AUTOMEMLIMIT=0.8 takes another part. Call it once per process.
func limitMemory(workers int, cgroup memlimit.Provider, log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(0.9), memlimit.WithProvider(func() (uint64, error) {
		whole, err := cgroup()
		return whole / uint64(workers), err
	}))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup) || errors.Is(err, memlimit.ErrCgroupsNotSupported): // and so no limit
	case err != nil:
		log.Warn("the cgroup's memory limit is not known; consider setting GOMEMLIMIT", "error", err)
	case limit != math.MaxInt64:
		log.Info("memory is limited", "GOMEMLIMIT", limit, "workers", workers)
	}
}
