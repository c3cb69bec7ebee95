//go:build soak

package app_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"

	"example.com/prefab/repositories"
)

// TestSoak_HoldsMemoryAndGoroutines sends 100,000 requests of every public kind,
// good and bad, and compares what is held after each tenth of them.
func TestSoak_HoldsMemoryAndGoroutines(t *testing.T) {
	const clients, rounds = 16, 10
	requests := 100_000
	if testing.Short() {
		requests = 20_000
	}
	s := start(t, "LOG_LEVEL=error") // the harness would keep every line
	if err := repositories.Seed(t.Context(), s.db, repositories.SeedOptions{Products: 1000}); err != nil {
		t.Fatal(err)
	}
	s.transport.MaxIdleConnsPerHost = clients

	type held struct {
		goroutines int
		heapMiB    float64
	}
	var first, last held
	for round := range rounds {
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for range requests / rounds / clients {
					soakOnce(t, s)
				}
			})
		}
		all.Wait()
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		last = held{runtime.NumGoroutine(), float64(memory.HeapAlloc) / (1 << 20)}
		t.Logf("after %6d requests: %d goroutines, %.1f MiB of heap",
			(round+1)*requests/rounds, last.goroutines, last.heapMiB)
		if round == 0 {
			first = last
		}
	}
	if last.goroutines > first.goroutines+clients {
		t.Errorf("goroutines grew from %d to %d", first.goroutines, last.goroutines)
	}
	if last.heapMiB > 1.5*first.heapMiB+4 {
		t.Errorf("the heap grew from %.1f to %.1f MiB", first.heapMiB, last.heapMiB)
	}
}

func soakOnce(t *testing.T, s *service) {
	id := 1 + rand.IntN(1100)
	paths := []string{
		"/api/v1/products?limit=20",
		fmt.Sprintf("/api/v1/products/%d", id),
		fmt.Sprintf("/api/v1/products?ids=%d,%d,%d", id, id+1, id+2),
		"/api/v1/products/count",
		"/api/v1/products?after=rubbish",
		"/api/v1/session",
		fmt.Sprintf("/nowhere/%d", id),
		"/health/ready",
	}
	client := http.Client{Transport: s.transport}
	response, err := client.Get(s.url + paths[rand.IntN(len(paths))])
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Error(err)
	}
	if response.StatusCode >= http.StatusInternalServerError {
		t.Errorf("%s answers %s", response.Request.URL, response.Status)
	}
}
