package jobs

import (
	"context"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"example.com/prefab/services"
)

// WatchMemory warns when this process comes to hold more than a share of the
// memory it may use, the runtime's GOMEMLIMIT; once, until it is below again.
// Without a limit there is nothing to compare with, and it stays silent.
func WatchMemory(every time.Duration, threshold float64, log *slog.Logger) Job {
	limit := debug.SetMemoryLimit(-1)
	return watchMemory(every, threshold, limit, services.ReadMemory, log)
}

func watchMemory(
	every time.Duration, threshold float64, limit int64, read func() services.Memory, log *slog.Logger,
) Job {
	above := false
	return Job{Name: "watch-memory", Every: every, Timeout: every, Run: func(ctx context.Context) error {
		if limit == math.MaxInt64 {
			return nil
		}
		memory := read()
		limitMiB := float64(limit) / (1 << 20)
		was := above
		above = memory.HeapTotal+memory.External > threshold*limitMiB
		if above && !was {
			log.WarnContext(ctx, "memory is short", "memory", memory, "limit", limitMiB, "threshold", threshold)
		}
		return nil
	}}
}
