package runner_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/services/memory"
)

func TestWatchMemory_WarnsOnceAnEpisode(t *testing.T) {
	for _, c := range []struct {
		what  string
		limit float64
		used  []float64 // MiB, one a run
		want  string    // a W for each run that warns
	}{
		{"never above", 100, []float64{10, 79, 80, 80}, "----"},
		{"above and staying there", 100, []float64{10, 81, 90, 99, 150}, "-W---"},
		{"two episodes", 100, []float64{81, 75, 81, 81, 10, 99}, "W-W--W"},
		{"about the threshold", 100, []float64{81, 79, 81, 77, 90, 80, 85}, "W------"},
		{"no limit", 0, []float64{1e12, 1e15}, "--"},
	} {
		var log bytes.Buffer
		var held memory.Usage
		job := runner.WatchMemory(time.Minute, 0.8, func() memory.Usage { return held }, slog.New(slog.NewTextHandler(&log, nil)))
		got := ""
		for _, used := range c.used {
			held = memory.Usage{Limit: c.limit, LimitUsed: used, RSS: 1e9, HeapUsed: 1e9} // the last two do not count
			log.Reset()
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch strings.Count(log.String(), "level=WARN") + strings.Count(log.String(), "memory freed") {
			case 0:
				got += "-"
			case 2:
				got += "W"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestWatchMemory_ReturnsMemoryToTheSystem(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // only the job collects
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(512 << 20))
	meter := memory.NewMeter(1)
	job := runner.WatchMemory(time.Minute, 0.25, meter.Read, slog.New(slog.DiscardHandler))
	litter(200 << 20) // the race detector's own memory for it stays: have it before
	debug.FreeOSMemory()
	for episode := range 2 {
		litter(200 << 20)
		before := meter.Read()
		for range 2 { // the second run sees that the episode is over
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if after := meter.Read(); before.RSS-after.RSS < 150 || after.HeapTotal > 50 {
			t.Errorf("episode %d:\nbefore %+v\nafter  %+v", episode, before, after)
		}
	}
}

// litter takes that many bytes, uses them all, and forgets them.
func litter(size int) {
	ballast := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		ballast[i] = 1
	}
	runtime.KeepAlive(ballast)
}
