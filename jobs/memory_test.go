package jobs_test

import (
	"bytes"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"example.com/prefab/jobs"
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
		{"from the start", 100, []float64{90, 90}, "W-"},
		{"two episodes", 100, []float64{81, 75, 81, 81, 10, 99}, "W-W--W"},
		{"about the threshold", 100, []float64{81, 79, 81, 77, 90, 80, 85}, "W------"},
		{"no limit", 0, []float64{1e12, 1e15}, "--"},
	} {
		var log bytes.Buffer
		var held memory.Usage
		job := jobs.WatchMemory(time.Minute, 0.8, func() memory.Usage { return held }, slog.New(slog.NewTextHandler(&log, nil)))
		got := ""
		for _, used := range c.used {
			held = memory.Usage{Limit: c.limit, LimitUsed: used, RSS: 1e9, HeapUsed: 1e9} // the last two do not count
			log.Reset()
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch warned, freed := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "memory freed"); {
			case log.Len() == 0:
				got += "-"
			case warned == 1 && freed == 1:
				got += "W"
			default:
				got += "?"
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestWatchMemory_GivesMemoryBackToTheSystem(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nobody else collects what the test leaves behind
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	var log bytes.Buffer
	meter := memory.NewMeter(1)
	job := jobs.WatchMemory(time.Minute, 0.25, meter.Read, slog.New(slog.NewTextHandler(&log, nil)))
	run := func(warnings int) memory.Usage {
		t.Helper()
		if err := job.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "memory is short"); n != warnings {
			t.Errorf("%d warnings, want %d:\n%s", n, warnings, &log)
		}
		return meter.Read()
	}

	litter(400 << 20) // the race detector takes notes of memory that is freed, which stay: have them before
	debug.FreeOSMemory()
	run(0)
	for episode := range 2 {
		litter(400 << 20)
		before := meter.Read()
		after := run(episode + 1)
		if before.RSS-after.RSS < 300 || before.LimitUsed-after.LimitUsed < 300 || after.HeapTotal > 100 {
			t.Errorf("400 MiB of litter:\nbefore %+v\nafter  %+v", before, after)
		}
		run(episode + 1) // below again
	}
	if meter.Read().Limit != math.Ldexp(1, 10) {
		t.Errorf("the limit is not what was set: %+v", meter.Read())
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
