package top

import (
	"fmt"
	"math"
	"time"

	"example.com/prefab/app/console"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// sample is a state of a service that is well.
func sample() console.State {
	s := console.State{
		Time: noon, Node: "web1:4711",
		Nodes: []console.NodeInfo{
			{Name: "web1:4711", Version: "1.4.0", Started: noon.Add(-50 * time.Hour), Seen: noon, CPU: 1.31},
			{Name: "web2:812", Version: "1.4.0", Started: noon.Add(-49 * time.Hour), Seen: noon, CPU: 1.27},
		},
		Dependencies: []console.Dependency{{Name: "PostgreSQL", Up: 4, Of: 4}, {Name: "Redis", Up: 4, Of: 4}},
		Total:        console.Traffic{Requests: 48_211_904, Errors: 120, Rate: 1234.5, Failing: .0004, P50: .0021, P95: .0184, P99: .062},
		Slow: []console.Call{{
			Node: "web1:4711", Slot: 1, ID: "4bf92f3577b34da6a3ce929d0e0e4736", Route: "GET /reports/:year", Since: noon.Add(-4 * time.Second), SQL: 31,
		}},
		Cache: []console.Table{
			{Name: "carts", Rate: 900, HitL1: .81, HitL2: .14, Recent: 54_000}, {Name: "users", Rate: 320, HitL1: .96, HitL2: .03, Recent: 19_200},
		},
		Pools: []console.Pool{
			{Name: "PostgreSQL", InUse: 7, Idle: 13, Limit: 80, Waits: 12}, {Name: "Redis", InUse: 3, Idle: 37, Limit: 0},
		},
		Queues: []console.Queue{{Name: "outbox", Waiting: 3, Oldest: 1.2}},
		Jobs: []console.Job{
			{Name: "prune", Schedule: "@hourly", Last: noon.Add(-12 * time.Minute), Took: .42, Next: noon.Add(48 * time.Minute), Runs: 50},
			{Name: "send-mail", Schedule: "every 5s", Running: true, Last: noon.Add(-time.Second), Took: .08, Next: noon.Add(4 * time.Second), Runs: 36_000, Failures: 2},
		},
		Statements: []console.Statement{
			{Name: "carts.get", Text: "-- name: carts.get\nSELECT id, owner,\n\titems\nFROM carts WHERE id = $1", Calls: 9_112_400, Rate: 212, Load: .31, Mean: .0014, P95: .0041},
			{Name: "users.get", Text: "SELECT * FROM users", Calls: 1_204_000, Rate: 12, Load: .012, Mean: .001, P95: .002},
		},
	}
	for i := range 4 {
		s.Workers = append(s.Workers, console.Worker{
			Node: s.Nodes[i/2].Name, Slot: i % 2, PID: 4712 + i, State: "ready", Started: s.Nodes[i/2].Started, Memory: 181 << 20, InFlight: i, Health: "ok",
		})
	}
	for i, name := range []string{"GET /carts/:id", "POST /carts/:id/items", "GET /", "GET /search", "GET /reports/:year", "other"} {
		t := console.Traffic{Requests: 20_000_000 >> (2 * i), Rate: 800 / math.Pow(3, float64(i)), P50: .002, P95: .01 * float64(i+1), P99: .04}
		if name == "GET /search" {
			t.Errors, t.Failing = 120, .013
		}
		s.Routes = append(s.Routes, console.Route{Name: name, Traffic: t})
	}
	s.History = console.History{Step: 2, End: noon, Points: make([]console.Point, 449)}
	for i := range s.History.Points {
		x := float64(i) / 449
		s.History.Points[i] = console.Point{Rate: 900 + 400*math.Sin(9*x) + float64(i%7)*20, P95: .012 + .01*x*x}
	}
	return s
}

// hostile are texts that must not reach a terminal as they are.
const hostile = "a\x1b]0;owned\x07\x1b[2J\x1b[31mb\r\nc\u009b31m\u202egnp.exe\u2066\u200b\xff\x00世界"

// hostileSample is a state whose every text is hostile.
func hostileSample() console.State {
	s := sample()
	s.Problem, s.Node = hostile, hostile
	for i := range s.Nodes {
		s.Nodes[i].Name, s.Nodes[i].Version = hostile, hostile
	}
	for i := range s.Workers {
		s.Workers[i].Node, s.Workers[i].State, s.Workers[i].Health = hostile, hostile, hostile
	}
	for i := range s.Routes {
		s.Routes[i].Name = fmt.Sprint(hostile, i)
	}
	s.Dependencies[0] = console.Dependency{Name: hostile, Of: 2}
	s.History.Route = hostile
	s.Slow[0] = console.Call{Node: hostile, ID: hostile, Route: hostile, Since: noon}
	s.Cache[0].Name, s.Pools[0].Name = hostile, hostile
	s.Queues[0] = console.Queue{Name: hostile, Dead: 1, Letters: []console.Letter{{Key: hostile, About: hostile, Error: hostile}}}
	s.Jobs[0].Name, s.Jobs[0].Schedule, s.Jobs[0].Error, s.Jobs[0].Node = hostile, hostile, hostile, hostile
	s.Statements[0].Name, s.Statements[0].Text = hostile, hostile
	return s
}
