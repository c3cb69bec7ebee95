package console

import "time"

// State is what the console shows, and what /ops.json answers: all nodes of the service as
// one. Totals count since the start of each node, as /metrics does. Rates, shares and
// percentiles are those of the last minute. Durations are in seconds.
type State struct {
	Time    time.Time `json:"time"`
	Node    string    `json:"node"`    // which one answers
	Actions bool      `json:"actions"` // OPS_ACTIONS
	Rolls   bool      `json:"rolls"`   // and there is a supervisor, which can replace the workers
	Problem string    `json:"problem"` // why other nodes or parts are missing; usually empty

	Nodes        []NodeInfo   `json:"nodes"`
	Workers      []Worker     `json:"workers"`
	Dependencies []Dependency `json:"dependencies"`

	Total   Traffic `json:"total"` // of all routes
	Routes  []Route `json:"routes"`
	History History `json:"history"` // of all routes, or of the route that was asked for
	Slow    []Call  `json:"slow"`    // in flight, the oldest first

	Cache      []Table     `json:"cache"`
	Pools      []Pool      `json:"pools"`
	Queues     []Queue     `json:"queues"`
	Jobs       []Job       `json:"jobs"`
	Statements []Statement `json:"statements"` // by the time that they take together
	Limits     []Limit     `json:"limits"`
	Settings   []Setting   `json:"settings"`
}

// NodeInfo is a node: a supervisor with its workers, or a single process.
type NodeInfo struct {
	Name    string    `json:"name"` // host:pid, and a number if that repeats
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"` // when it told its state
	CPU     float64   `json:"cpu"`  // cores that its workers used, over the last minute
}

// Worker is a process that serves.
type Worker struct {
	Node     string    `json:"node"`
	Slot     int       `json:"slot"`
	PID      int       `json:"pid"` // 0: none runs
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Restarts int       `json:"restarts"` // after unexpected exits
	Memory   float64   `json:"memory"`   // resident, in bytes
	InFlight int       `json:"inFlight"`
	Health   string    `json:"health"` // "ok", or which dependencies do not answer it
}

// Dependency is a server that workers need.
type Dependency struct {
	Name string `json:"name"`
	Up   int    `json:"up"` // workers that it answers
	Of   int    `json:"of"`
}

// Traffic is what was answered.
type Traffic struct {
	Requests uint64  `json:"requests"` // in all
	Errors   uint64  `json:"errors"`   // of them, with a status from 500 on
	Rate     float64 `json:"rate"`     // requests a second
	Failing  float64 `json:"failing"`  // the share of errors, from 0 to 1
	P50      float64 `json:"p50"`
	P95      float64 `json:"p95"`
	P99      float64 `json:"p99"`
}

// Route is the traffic of one route.
type Route struct {
	Name string `json:"name"` // "GET /products/:id", or "other" for paths without a route
	Traffic
	Spark []uint64 `json:"spark"` // requests of the last 15 minutes, 30 s each, the newest last
}

// History is the last 15 minutes, the newest last.
type History struct {
	Route  string    `json:"route"` // empty: all
	Step   float64   `json:"step"`
	End    time.Time `json:"end"`
	Points []Point   `json:"points"`
}

// Point is one step of a history. The percentiles are 0 where there were no requests.
type Point struct {
	Rate   float64 `json:"rate"`
	Errors float64 `json:"errors"` // a second
	P50    float64 `json:"p50"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
}

// Call is a request that is being handled.
type Call struct {
	Node  string    `json:"node"`
	Slot  int       `json:"slot"`
	ID    string    `json:"id"`
	Route string    `json:"route"`
	Since time.Time `json:"since"`
	SQL   int64     `json:"sql"` // statements so far
}

// Table is a part of the cache.
type Table struct {
	Name   string  `json:"name"`
	Memory uint64  `json:"memory"` // look-ups that were answered there, in all
	Redis  uint64  `json:"redis"`
	Miss   uint64  `json:"miss"`
	Stale  uint64  `json:"stale"`
	Rate   float64 `json:"rate"`   // look-ups a second
	HitL1  float64 `json:"hitL1"`  // share of the last minute's, from 0 to 1
	HitL2  float64 `json:"hitL2"`  // of all look-ups, those that Redis answered
	Recent uint64  `json:"recent"` // look-ups of the last minute
}

// Pool is the connections to a server, of all workers.
type Pool struct {
	Name  string  `json:"name"` // "PostgreSQL", "replica" or "Redis"
	InUse int     `json:"inUse"`
	Idle  int     `json:"idle"`
	Limit int     `json:"limit"` // 0: not known
	Waits uint64  `json:"waits"` // calls that had to wait for a connection; of Redis, that got none in time
	Rate  float64 `json:"rate"`  // such waits a second
}

// Queue is work that waits: a write-behind buffer or the outbox.
type Queue struct {
	Name    string   `json:"name"`
	Waiting int      `json:"waiting"`
	Oldest  float64  `json:"oldest"` // how long the first has waited
	Dead    int      `json:"dead"`
	Letters []Letter `json:"letters"` // the newest dead ones
}

// Letter is what a queue could not deliver.
type Letter struct {
	Key   string    `json:"key"`
	About string    `json:"about"` // the value, or the kind; nothing of a person
	Error string    `json:"error"`
	At    time.Time `json:"at"` // of the last try
}

// Job is a job of the schedule.
type Job struct {
	Name     string    `json:"name"`
	Schedule string    `json:"schedule"`
	Shared   bool      `json:"shared"` // one process of the service runs it
	Running  bool      `json:"running"`
	Last     time.Time `json:"last"` // when the last run began; zero: none since the start
	Took     float64   `json:"took"`
	Error    string    `json:"error"` // of the last run
	Next     time.Time `json:"next"`
	Runs     uint64    `json:"runs"`
	Failures uint64    `json:"failures"`
	Node     string    `json:"node"` // which ran it last
}

// Statement is an SQL statement.
type Statement struct {
	Name   string  `json:"name"`
	Text   string  `json:"text"`
	Calls  uint64  `json:"calls"` // in all
	Errors uint64  `json:"errors"`
	Rate   float64 `json:"rate"`
	Load   float64 `json:"load"` // seconds of it a second, over the last minute
	Total  float64 `json:"total"`
	Mean   float64 `json:"mean"` // of all calls
	P95    float64 `json:"p95"`
}

// Limit is a limit on attempts or requests.
type Limit struct {
	Name   string  `json:"name"`
	Denied uint64  `json:"denied"` // in all
	Rate   float64 `json:"rate"`
}

// Setting is a setting with its effective value, passwords masked.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Changed bool   `json:"changed"` // it is not the default
}
