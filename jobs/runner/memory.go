package runner

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"example.com/prefab/services/memory"
)

// hysteresis is the part of the threshold below which memory is no longer short. It is
// below 1 so that usage close to the threshold does not cause many warnings.
const hysteresis = 0.95

// WatchMemory returns a job that compares this process's memory with its limit. When the
// usage rises above the threshold, a part of 1, the job warns and returns free memory to
// the operating system, once until usage has fallen again. Without a limit it does nothing.
func WatchMemory(every time.Duration, threshold float64, read func() memory.Usage, log *slog.Logger) Job {
	short := false
	return Job{Name: "watch-memory", Every: every, Timeout: every, Run: func(ctx context.Context) error {
		memory := read()
		share := 0.0
		if memory.Limit > 0 {
			share = memory.LimitUsed / memory.Limit
		}
		switch {
		case short:
			short = share >= hysteresis*threshold
		case share > threshold:
			short = true
			log.WarnContext(ctx, "memory is short", "threshold", threshold, "memory", memory)
			debug.FreeOSMemory()
			log.InfoContext(ctx, "memory freed", "memory", read())
		}
		return nil
	}}
}
