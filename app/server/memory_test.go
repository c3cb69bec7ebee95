package server

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestLimitMemory_TakesAWorkersShareOfTheCgroup(t *testing.T) {
	failing := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	for _, c := range []struct {
		what    string
		environ string // of the process, NAME=value
		workers int
		cgroup  memlimit.Provider
		want    int64
		log     string // what the log has a line of; "": nothing
	}{
		{"one worker", "", 1, memlimit.Limit(1000 << 20), 900 << 20, `"memory is limited"`},
		{"four workers", "", 4, memlimit.Limit(1000 << 20), 225 << 20, "workers=4"},
		{"set by hand", "GOMEMLIMIT=123MiB", 4, memlimit.Limit(1000 << 20), 123 << 20, "memory is limited"},
		{"switched off", "AUTOMEMLIMIT=off", 4, memlimit.Limit(1000 << 20), math.MaxInt64, ""},
		{"no limit", "", 1, failing(memlimit.ErrNoLimit), math.MaxInt64, ""},
		{"no cgroup", "", 1, failing(memlimit.ErrNoCgroup), math.MaxInt64, ""},
		{"not Linux", "", 1, failing(memlimit.ErrCgroupsNotSupported), math.MaxInt64, ""},
		{"a cgroup that cannot be read", "", 1, failing(os.ErrPermission), math.MaxInt64, "level=WARN"},
	} {
		t.Run(c.what, func(t *testing.T) {
			current := int64(math.MaxInt64)
			for _, name := range []string{"GOMEMLIMIT", "AUTOMEMLIMIT"} {
				t.Setenv(name, "") // for its value to come back afterwards
				_ = os.Unsetenv(name)
			}
			if name, value, ok := strings.Cut(c.environ, "="); ok {
				t.Setenv(name, value)
				if name == "GOMEMLIMIT" {
					current = c.want // the runtime has read it at the start
				}
			}
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(current))
			log := new(bytes.Buffer)
			limitMemory(c.workers, c.cgroup, slog.New(slog.NewTextHandler(log, nil)))
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("GOMEMLIMIT is %d, want %d", got, c.want)
			}
			if text := log.String(); !strings.Contains(text, c.log) || c.log == "" && text != "" {
				t.Errorf("want %q in the log:\n%s", c.log, text)
			}
		})
	}
}
