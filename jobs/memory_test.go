package jobs

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"example.com/prefab/services"
)

func TestWatchMemory_WarnsOnceAnEpisode(t *testing.T) {
	const limit = 100 << 20
	for _, c := range []struct {
		what   string
		limit  int64
		totals []float64 // MiB, one a run
		want   string    // a W for each run that warns
	}{
		{"never above", limit, []float64{10, 79, 80, 80}, "----"},
		{"above and staying there", limit, []float64{10, 81, 90, 99, 150}, "-W---"},
		{"from the start", limit, []float64{90, 90}, "W-"},
		{"two episodes", limit, []float64{81, 80, 81, 81, 10, 99}, "W-W--W"},
		{"no limit", math.MaxInt64, []float64{1e12, 1e15}, "--"},
	} {
		var log bytes.Buffer
		var held services.Memory
		job := watchMemory(time.Minute, 0.8, c.limit, func() services.Memory { return held }, slog.New(slog.NewTextHandler(&log, nil)))
		got := ""
		for _, total := range c.totals {
			held = services.Memory{HeapTotal: total - 5, External: 5, RSS: 1e9, HeapUsed: 1e9} // which do not count
			log.Reset()
			if err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch n := strings.Count(log.String(), "\n"); {
			case n == 0:
				got += "-"
			case n == 1 && strings.Contains(log.String(), "level=WARN"):
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

func TestWatchMemory_IsAJobThatRuns(t *testing.T) {
	var log bytes.Buffer
	job := WatchMemory(time.Minute, 0.8, slog.New(slog.NewTextHandler(&log, nil)))
	if err := job.Run(t.Context()); err != nil || log.Len() > 0 || job.Every != time.Minute || job.Timeout <= 0 {
		t.Errorf("%s every %v within %v: error %v, log %s", job.Name, job.Every, job.Timeout, err, &log)
	}
}
