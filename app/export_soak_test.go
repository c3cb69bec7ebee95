//go:build soak

package app_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/prefab/services/export"
)

// TestSoak_AnExportOfMillionsTakesNoMoreMemory reads 2,000,000 products from a
// server process in each format, and watches the process's memory (on Linux).
func TestSoak_AnExportOfMillionsTakesNoMoreMemory(t *testing.T) {
	const growth = 30 << 10 // KiB
	products := 2_000_000
	if testing.Short() {
		products = 300_000
	}
	e := newExportBench(t, products)
	for _, format := range export.Formats {
		idle, most, done := residentKiB(t, e.server.pid), 0, make(chan struct{})
		var watch sync.WaitGroup
		watch.Go(func() {
			for tick := time.NewTicker(100 * time.Millisecond); ; {
				select {
				case <-done:
					tick.Stop()
					return
				case <-tick.C:
					most = max(most, residentKiB(t, e.server.pid))
				}
			}
		})
		ours := e.rate(t, func() error { return e.export(format) })
		close(done)
		watch.Wait()
		bare := e.rate(t, func() error { return e.bare(format) })
		t.Logf("%-6s %.0f rows/s, a plain loop %.0f; from %d to %d KiB", format, ours, bare, idle, most)
		if most > idle+growth {
			t.Errorf("%s: the process grew from %d to %d KiB", format, idle, most)
		}
	}
}

func residentKiB(t *testing.T, pid int) (kib int) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("only Linux tells of a process's memory this way")
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}
