package jobs

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"example.com/prefab/services/memory"
)

// calm is the share of the threshold below which an episode of short memory
// ends: less than what a busy process swings by would make many of one.
const calm = 0.95

// WatchMemory looks whether this process holds more than a share of its limit.
// When it comes to, that is told once, and what is free goes back to the system,
// once, until it has been well below again. Without a limit there is nothing to
// compare with, and it stays silent.
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
			short = share >= calm*threshold
		case share > threshold:
			short = true
			log.WarnContext(ctx, "memory is short", "threshold", threshold, "memory", memory)
			debug.FreeOSMemory()
			log.InfoContext(ctx, "memory freed", "memory", read())
		}
		return nil
	}}
}
