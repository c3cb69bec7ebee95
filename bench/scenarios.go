package main

import (
	"time"

	"example.com/prefab/bench/references"
)

// scenario is a load that several servers get in turns.
type scenario struct {
	name        string
	section     string // of the report
	paths       func(*testbed) []string
	random      bool
	method      string // GET where it is empty
	connections int    // 64 where it is 0
	sides       []side
	comparisons []comparison
}

// side is a server of a scenario.
type side struct {
	label     string
	reference string   // Prefab where it is empty
	settings  []string // of Prefab
	cold      bool     // each run meets a new process and an empty Redis, and no path twice
}

// comparison sets a side's figure against another's.
type comparison struct {
	metric
	of, against int     // sides; against nobody the ratio is the figure itself
	limit       float64 // of the ratio; 0: there is none
	atLeast     bool    // the ratio has to reach the limit
}

const nobody = -1

// metric is a figure of a run.
type metric struct {
	what  string
	value func(measured) float64
}

// measured is a run of one server.
type measured struct {
	answered
	server, stores float64 // CPU seconds
	calls          calls
}

var (
	// The kernel counts hundredths of a second: none is less than one.
	cpu       = metric{"CPU s / 10,000", func(m measured) float64 { return max(m.server, 0.01) / m.Requests * 1e4 }}
	storesCPU = metric{
		"PostgreSQL's and Redis' CPU s / 10,000", func(m measured) float64 { return max(m.stores, 0.01) / m.Requests * 1e4 },
	}
	rate = metric{"requests/s", func(m measured) float64 {
		return m.Requests / (m.Microseconds / float64(time.Second/time.Microsecond))
	}}
	p99   = metric{"p99, ms", func(m measured) float64 { return m.P99 / 1000 }}
	trips = metric{"trips", func(m measured) float64 { return m.calls[""] / m.Requests }}
)

// The report's sections.
const (
	pathSection    = "paths"
	scaleSection   = "scale"
	redisSection   = "redis"
	preforkSection = "prefork"
)

// Settings of Prefab. Its cache cannot be turned off: with the first, no value is
// old enough to be found by a load that comes back to it later than a second.
var (
	noCache           = []string{"HTTP_CACHE_TTL=0", "CACHE_TTL=0"}
	noStoredResponses = []string{"HTTP_CACHE_TTL=0"}
	noL1              = []string{"HTTP_CACHE_TTL=1h", "CACHE_L1_TTL=1ms", "CACHE_L1_MAX_ITEMS=1"}
)

const (
	listPath  = "/api/v1/products?limit=50"
	readyPath = "/health/ready"
)

func one(path string) func(*testbed) []string {
	return func(*testbed) []string { return []string{path} }
}

// against are the usual two sides: Prefab and a reference.
func against(reference, label string, settings ...string) []side {
	return []side{{label: "Prefab", settings: settings}, {label: label, reference: reference}}
}

// atMost is the usual comparison: CPU of the first side against the second's.
func atMost(limit float64) []comparison {
	return []comparison{{metric: cpu, against: 1, limit: limit}}
}

// tripsAtMost counts what a request makes Redis do.
func tripsAtMost(limit float64) []comparison {
	return []comparison{{metric: trips, against: nobody, limit: limit}}
}

const (
	bareLabel = "bare Fiber, prepared sqlx"
	mapLabel  = "Fiber, a map of bytes"
)

// scenarios are all that is measured by load, in the order of the report.
var scenarios = []scenario{
	{
		name: "product, nothing cached", section: pathSection, paths: (*testbed).allProducts,
		sides: against(references.Bare, bareLabel, noCache...), comparisons: atMost(1.6),
	},
	{
		name: "product, cold fill of response and values", section: pathSection, paths: (*testbed).allProducts,
		sides:       []side{{label: "Prefab", cold: true}, {label: bareLabel, reference: references.Bare}},
		comparisons: atMost(2.2),
	},
	{
		name: "list of 50, not cached", section: pathSection, paths: (*testbed).lists,
		sides: against(references.Bare, bareLabel, noCache...), comparisons: atMost(1.5),
	},
	{
		name: "product from Redis (L2)", section: pathSection, paths: (*testbed).hotProducts, random: true,
		sides: against(references.Cache, "Fiber's cache on Redis", noL1...), comparisons: atMost(0.9),
	},
	{
		name: "product from memory (L1), no stored response", section: pathSection, paths: (*testbed).hotProducts,
		random: true, sides: against(references.Map, mapLabel, noStoredResponses...), comparisons: atMost(2.2),
	},
	{
		name: "list of 50 from memory (L1), no stored response", section: pathSection, paths: one(listPath),
		sides: against(references.Map, mapLabel, noStoredResponses...), comparisons: atMost(2.5),
	},
	{
		name: "stored response, 1,000 hot products", section: pathSection, paths: (*testbed).hotProducts, random: true,
		sides:       against(references.Map, mapLabel),
		comparisons: append(atMost(1.7), comparison{metric: p99, against: 1, limit: 2}),
	},
	{
		name: "stored response, list of 50", section: pathSection, paths: one(listPath),
		sides: against(references.Map, mapLabel), comparisons: atMost(1.7),
	},
	{
		name: "/health/ready", section: pathSection, paths: one(readyPath),
		sides: against(references.Bare, "bare Fiber"), comparisons: atMost(1.25),
	},
	{
		name: "stock write, signed in", section: pathSection, paths: (*testbed).hotStocks, random: true, method: "PUT",
		sides: []side{
			{label: "Prefab"}, {label: "one UPDATE, no session", reference: references.Write},
			{label: "one UPDATE, same session check", reference: references.Session},
		},
		comparisons: []comparison{
			{metric: cpu, against: 1, limit: 1.5},
			{metric: rate, against: 2, limit: 1, atLeast: true},
			{metric: storesCPU, against: 2, limit: 0.5},
		},
	},
	{
		name: "stock write, hardly a product twice", section: pathSection, paths: (*testbed).stocks, random: true,
		method:      "PUT",
		sides:       []side{{label: "Prefab"}, {label: "one UPDATE, same session check", reference: references.Session}},
		comparisons: []comparison{{metric: rate, against: 1}, {metric: storesCPU, against: 1}},
	},
	{
		name: "cold read of a product", section: redisSection, paths: (*testbed).allProducts, connections: 1,
		sides: []side{{label: "Prefab", cold: true}}, comparisons: tripsAtMost(0),
	},
	{
		name: "read of a product from Redis (L2)", section: redisSection, paths: (*testbed).hotProducts, connections: 1,
		sides: []side{{label: "Prefab", settings: noL1}}, comparisons: tripsAtMost(0),
	},
	{
		name: "one client's stock write", section: redisSection, paths: (*testbed).hotStocks, connections: 1, method: "PUT",
		sides: []side{{label: "Prefab"}}, comparisons: tripsAtMost(3),
	},
	storedResponses(64), storedResponses(1000), storedResponses(5000),
	{
		name: "stored response, several processes", section: preforkSection, paths: (*testbed).hotProducts, random: true,
		sides: []side{
			{label: "Prefab, one process"}, {label: "Prefab, PREFORK", settings: []string{"PREFORK=true"}},
			{label: mapLabel, reference: references.Map}, {label: "the same, Fiber's prefork", reference: references.Prefork},
		},
		comparisons: []comparison{
			{metric: rate, of: 1, against: 0}, {metric: cpu, of: 1, against: 0},
			{metric: rate, of: 3, against: 2}, {metric: cpu, of: 3, against: 2}, {metric: cpu, of: 1, against: 3},
		},
	},
}

func storedResponses(connections int) scenario {
	return scenario{
		name: "stored response, " + thousands(float64(connections)) + " connections", section: scaleSection,
		paths: (*testbed).hotProducts, random: true, connections: connections, sides: against(references.Map, mapLabel),
		comparisons: []comparison{{metric: rate, against: 1}, {metric: p99, against: 1}},
	}
}
