package console

import (
	"fmt"
	"math"
	"time"
)

var sampleTime = time.Date(2026, 5, 4, 14, 3, 22, 0, time.UTC)

// sample is the state of a service on which all is well.
func sample(routes, nodes, workers int) State {
	now := sampleTime
	s := State{
		Time: now, Node: "web-1:4711",
		Total: Traffic{Requests: 8_204_117, Errors: 412, Rate: 214.3, Failing: 0.0002, P50: 0.0031, P95: 0.0124, P99: 0.041},
		Dependencies: []Dependency{
			{"PostgreSQL", nodes * workers, nodes * workers}, {"Redis", nodes * workers, nodes * workers},
		},
		History: History{Step: 10, End: now},
		Cache: []Table{
			{Name: "rooms", Memory: 3_811_207, Redis: 210_330, Miss: 44_021, Rate: 182.4, HitL1: 0.942, HitL2: 0.049, Recent: 10_944},
			{Name: "room-lists", Memory: 901_442, Redis: 120_019, Miss: 61_882, Stale: 31, Rate: 41.2, HitL1: 0.731, HitL2: 0.18, Recent: 2472},
			{Name: "users", Memory: 88_012, Redis: 5120, Miss: 871},
		},
		Pools: []Pool{
			{Name: "PostgreSQL", InUse: 7, Idle: 23, Limit: 60, Waits: 128},
			{Name: "replica", InUse: 2, Idle: 10, Limit: 60},
			{Name: "Redis", InUse: 3, Idle: 31},
		},
		Queues: []Queue{{Name: "outbox", Waiting: 12, Oldest: 0.8}, {Name: "meter readings", Waiting: 340, Oldest: 4.1}},
		Jobs: []Job{
			{
				Name: "deliver-outbox", Schedule: "every 1s", Shared: true, Running: true, Last: now.Add(-time.Second / 2),
				Took: 0.0121, Next: now.Add(time.Second), Runs: 264_208, Failures: 2, Node: "web-2:4711",
			},
			{
				Name: "flush-readings", Schedule: "every 5s", Shared: true, Last: now.Add(-3 * time.Second), Took: 0.048,
				Next: now.Add(2 * time.Second), Runs: 52_841, Node: "web-1:4711",
			},
			{
				Name: "prune-rooms", Schedule: "every 1h", Shared: true, Last: now.Add(-3*time.Minute - 22*time.Second), Took: 1.72,
				Next: now.Add(56*time.Minute + 38*time.Second), Runs: 73, Node: "web-1:4711",
			},
			{Name: "watch-memory", Schedule: "every 30s", Last: now.Add(-22 * time.Second), Took: 0.00004, Next: now.Add(8 * time.Second), Runs: 8807},
			{Name: "monthly-report", Schedule: "0 3 1 * *", Shared: true, Next: now.Add(660 * time.Hour)},
		},
		Limits: []Limit{{"sign-in, per account", 41, 0}, {"API, per token", 1204, 0.3}},
		Settings: []Setting{
			{"DATABASE_URL", "postgres://prefab:xxxxx@db.internal:5432/prefab", true},
			{"REDIS_URL", "redis://:xxxxx@cache.internal:6379/0", true},
			{"WORKERS", "3", true}, {"OPS_ACTIONS", "true", true},
			{"CACHE_TTL", "1h0m0s", false}, {"LOG_LEVEL", "info", false}, {"SMTP_URL", "", false},
		},
	}
	addNodes(&s, nodes, workers)
	addRoutes(&s, routes)
	for i := range 90 {
		x := float64(i)
		wave := 1 + 0.16*math.Sin(x/14) + 0.03*math.Sin(x/1.7) + 0.02*math.Cos(x*1.3) + 0.02*math.Sin(x*x)
		p := Point{Rate: 205 * wave, P50: 0.003 * wave, P95: 0.0118 * wave, P99: 0.034 * (wave + 0.3*math.Pow(math.Sin(x/3), 8))}
		if i == 31 || i == 32 {
			p.Errors = 0.4
		}
		s.History.Points = append(s.History.Points, p)
	}
	for i, name := range []string{"rooms.get", "rooms.list", "readings.flush", "outbox.claim", "users.find", "rooms.update"} {
		s.Statements = append(s.Statements, Statement{
			Name:  name,
			Text:  "SELECT r.id, r.name, r.floor, count(l.id) AS lamps\nFROM rooms r LEFT JOIN lamps l ON l.room_id = r.id\nWHERE r.id = ANY($1)\nGROUP BY r.id",
			Calls: uint64(1_812_004 / (i*i + 1)), Rate: 42.1 / float64(i+1), Load: 0.31 / float64(i*i+1),
			Total: 8120 / float64(i+1), Mean: 0.0011 * float64(i+1), P95: 0.0032 * float64(i+1),
		})
	}
	return s
}

func addNodes(s *State, nodes, workers int) {
	for n := range nodes {
		name := fmt.Sprintf("web-%d:4711", n+1)
		s.Nodes = append(s.Nodes, NodeInfo{name, "1.4.2", s.Time.Add(-76 * time.Hour), s.Time.Add(-time.Second), 0.31 * float64(workers)})
		for slot := range workers {
			s.Workers = append(s.Workers, Worker{
				Node: name, Slot: slot, PID: 4720 + slot, State: "ready", Started: s.Time.Add(-76 * time.Hour),
				Memory: float64(82+3*slot) * (1 << 20), InFlight: slot, Health: "ok",
			})
		}
	}
}

var sampleRoutes = []string{
	"GET /rooms/:id", "GET /rooms", "PUT /rooms/:id/reading", "GET /", "GET /api/v1/rooms", "POST /api/v1/session",
	"GET /login", "GET /rooms/:id/edit", "POST /rooms/:id/reviews", "GET /api/v1/rooms/export", "DELETE /api/v1/rooms/:id", "other",
}

func addRoutes(s *State, n int) {
	for i := range n {
		name := sampleRoutes[i%len(sampleRoutes)]
		if i >= len(sampleRoutes) {
			name += fmt.Sprintf("/parts/:part/versions-%d", i)
		}
		share := 1 / float64(i+2)
		r := Route{Name: name, Traffic: Traffic{
			Requests: uint64(4_100_000 * share), Rate: 140 * share * share * 4, P50: 0.0018 * float64(i+1), P95: 0.0071 * float64(i+1), P99: 0.021 * float64(i+1),
		}}
		for x := range sparkPoints {
			r.Spark = append(r.Spark, uint64(4200*share*share*(1+0.35*math.Sin(float64(x+7*i)/5)+0.08*math.Sin(float64(x*x+i)))))
		}
		s.Routes = append(s.Routes, r)
	}
}

// troubled is the state of a service that needs help.
func troubled() State {
	s := sample(12, 2, 3)
	s.Actions, s.Rolls = true, true
	s.Dependencies[1].Up = 4
	s.Total.Failing, s.Routes[2].Failing = 0.062, 0.31
	s.Workers[2].State, s.Workers[2].PID, s.Workers[2].Restarts = "down", 0, 4
	s.Workers[2].Health, s.Workers[2].InFlight = "", 0
	s.Workers[2].Memory, s.Workers[2].Started = 0, s.Time.Add(-3*time.Second)
	s.Workers[4].Health, s.Workers[5].Health = "Redis does not answer", "Redis does not answer"
	s.Queues[0] = Queue{Name: "outbox", Waiting: 1840, Oldest: 412, Dead: 3, Letters: []Letter{
		{"01JTCAJ6", "mail.welcome", "dial tcp 10.0.3.7:587: connect: connection refused", s.Time.Add(-4 * time.Minute)},
		{"01JTC9XW", "room.changed", "the receiver answered 410 Gone", s.Time.Add(-9 * time.Minute)},
		{"01JTC8QB", "room.changed", "the receiver answered 410 Gone", s.Time.Add(-2 * time.Hour)},
	}}
	s.Jobs[2].Error, s.Jobs[2].Failures = "prune rooms: canceling statement due to lock timeout", 1
	s.Slow = []Call{
		{"web-1:4711", 1, "6f1c9a52-03d1-4c6e-9d2c", "GET /api/v1/rooms/export", s.Time.Add(-95 * time.Second), 1},
		{"web-2:4711", 0, "b7aa0e01-72cd-4be3-8a55", "PUT /rooms/:id/reading", s.Time.Add(-11 * time.Second), 4},
	}
	for i := 70; i < 90; i++ {
		s.History.Points[i].Errors = 13 * (1 - math.Exp(float64(69-i)/4))
		s.History.Points[i].P99 *= 3
	}
	return s
}
