package services

import (
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// Memory is what this process holds, in MiB.
type Memory struct {
	RSS       float64 `json:"rss"`       // resident, as the kernel counts it
	HeapTotal float64 `json:"heapTotal"` // taken from the system for the heap, and not given back
	HeapUsed  float64 `json:"heapUsed"`  // objects, live or not yet swept
	External  float64 `json:"external"`  // the runtime's memory beside the heap: stacks, metadata, profiles
}

const mib = 1 << 20

// ReadMemory measures this process. It does not stop the world.
func ReadMemory() Memory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(samples)
	read := func(i int) float64 { return float64(samples[i].Value.Uint64()) / mib }
	used, unused, free, released, total := read(0), read(1), read(2), read(3), read(4)
	m := Memory{
		HeapUsed: used, HeapTotal: used + unused + free,
		External: total - released - used - unused - free,
	}
	m.RSS = m.HeapTotal + m.External
	if rss, ok := residentBytes(); ok {
		m.RSS = rss / mib
	}
	for _, v := range []*float64{&m.RSS, &m.HeapTotal, &m.HeapUsed, &m.External} {
		*v = math.Round(*v*100) / 100
	}
	return m
}

// residentBytes asks Linux; elsewhere the runtime's own account has to do.
func residentBytes() (float64, bool) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	return float64(pages) * float64(os.Getpagesize()), err == nil
}
