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

	var first, goroutines int
	var firstHeap, heap float64 // in MiB
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
		goroutines, heap = runtime.NumGoroutine(), float64(memory.HeapAlloc)/(1<<20)
		t.Logf("after %6d requests: %d goroutines, %.1f MiB of heap", (round+1)*requests/rounds, goroutines, heap)
		if round == 0 {
			first, firstHeap = goroutines, heap
		}
	}
	if goroutines > first+clients || heap > 1.5*firstHeap+4 {
		t.Errorf("%d goroutines and %.1f MiB have become %d and %.1f", first, firstHeap, goroutines, heap)
	}
}

func soakOnce(t *testing.T, s *service) {
	id := 1 + rand.IntN(1100)
	paths := []string{
		"/api/v1/products?limit=20",
		"/?q=lamp",
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
