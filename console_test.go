//go:build unix

package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/console"
)

// console returns what the console shows.
func (p *process) console() (s console.State) {
	p.t.Helper()
	status, body := p.admin("/ops.json")
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != http.StatusOK {
		p.t.Fatalf("the console says %d %.200s: %v", status, body, err)
	}
	return s
}

// requests returns how many requests the metrics of some nodes count by route.
func requests(nodes ...*process) map[string]uint64 {
	sum := make(map[string]uint64)
	for _, p := range nodes {
		for key, n := range counts(p.scrape()) {
			if labels, ok := strings.CutPrefix(key, "prefab_http_requests_total method="); ok {
				method, rest, _ := strings.Cut(labels, " route=")
				route, _, _ := strings.Cut(rest, " status=")
				if method != route {
					route = method + " " + route
				}
				sum[route] += uint64(n)
			}
		}
	}
	return sum
}

func TestConsole_TotalsAreThoseOfTheMetricsOfTwoNodesWhileWorkersAreKilled(t *testing.T) {
	_, settings := configured(t)
	settings = append(settings, "PREFORK=true", "WORKERS=4")
	var nodes []*process
	for range 2 {
		nodes = append(nodes, supervised(t, launch(t, checkout(t), nil, settings...)))
	}
	eventually(t, "each node shows both", func() bool {
		return len(nodes[0].console().Workers) == 8 && len(nodes[1].console().Workers) == 8
	})
	var stops []func() (int, []string)
	for _, p := range nodes {
		stops = append(stops, load(p.URL, 2, "/login", "/health", "/no/such/page"))
	}
	last := uint64(0)
	const kills = 4
	for i := range kills {
		victims := nodes[i%2].readied()
		if err := syscall.Kill(victims[len(victims)-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			s := nodes[0].console()
			if s.Total.Requests < last || len(s.Nodes) != 2 {
				t.Errorf("the total went from %d to %d, of %d nodes: %s", last, s.Total.Requests, len(s.Nodes), s.Problem)
			}
			last = s.Total.Requests
		}
	}
	for _, stop := range stops {
		stop() // requests of a killed worker may fail
	}
	for _, p := range nodes {
		p.allReady()
	}
	eventually(t, "the console and the metrics count the same", func() bool {
		want := requests(nodes...)
		same := len(want) >= 3 // routes
		for _, p := range nodes {
			s, sum := p.console(), uint64(0)
			for _, route := range s.Routes {
				same = same && route.Requests == want[route.Name]
				sum += route.Requests
			}
			same = same && sum == s.Total.Requests && len(s.Routes) >= len(want)
		}
		return same
	})
	restarts := 0
	for _, w := range nodes[1].console().Workers {
		restarts += w.Restarts
	}
	if restarts != kills {
		t.Errorf("%d restarts are shown, of %d", restarts, kills)
	}
}
