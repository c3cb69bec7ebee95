//go:build unix

package main_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"slices"
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

// act does what a button of the console does.
func (p *process) act(form string) {
	p.t.Helper()
	client := &http.Client{
		Timeout:       waitLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	address := strings.TrimSuffix(metricsAt.FindStringSubmatch(p.said())[1], "/metrics") + "/ops/actions"
	response, err := client.Post(address, "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(response.Body)
		p.t.Errorf("%s is answered %d %.500s", form, response.StatusCode, body)
	}
}

func TestConsole_ShowsWhatWorkersDoAndChangesIt(t *testing.T) {
	database, settings := configured(t)
	p := supervised(t, launch(t, checkout(t), nil, append(settings, "PREFORK=true", "WORKERS=3", "OPS_ACTIONS=true")...))
	unlock, status := lockTable(t, database, "users"), make(chan int)
	go func() {
		response, err := http.Post(p.URL+"/api/v1/session", "application/json",
			strings.NewReader(`{"email":"ann@example.com","password":"wrong"}`))
		if err != nil {
			status <- 0
			return
		}
		defer response.Body.Close()
		status <- response.StatusCode
	}()
	eventually(t, "a request is in flight for long", func() bool {
		return slices.ContainsFunc(p.console().Slow, func(c console.Call) bool { return c.Route == "POST /api/v1/session" })
	})
	unlock()
	if got := <-status; got != http.StatusUnauthorized {
		t.Errorf("the request is answered %d", got)
	}
	eventually(t, "no request is in flight", func() bool { return len(p.console().Slow) == 0 })
	eventually(t, "the text of its statement is known", func() bool {
		return slices.ContainsFunc(p.console().Statements, func(s console.Statement) bool {
			return s.Name == "users.by_email" && strings.Contains(s.Text, "FROM users")
		})
	})
	if _, page := p.admin("/ops/plan?statement=users.by_email"); !strings.Contains(page, "cost=") {
		t.Errorf("the plan is %s", page)
	}

	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO outbox (kind, payload, given_up) VALUES ('none', '{}', true), ('none', '{}', true)"); err != nil {
		t.Fatal(err)
	}
	letters := func() (keys []string) {
		for _, q := range p.console().Queues {
			for _, l := range q.Letters {
				keys = append(keys, q.Name+" "+l.Key+" "+l.About)
			}
		}
		return keys
	}
	eventually(t, "both dead letters are listed", func() bool {
		return slices.Equal(letters(), []string{"outbox 2 none, attempts: 0", "outbox 1 none, attempts: 0"})
	})
	p.act("do=discard&queue=outbox&key=2")
	p.act("do=retry&queue=outbox&key=1")
	eventually(t, "one is gone, and the other was tried", func() bool {
		return slices.Equal(letters(), []string{"outbox 1 none, attempts: 1"})
	})

	p.act("do=run&job=store-token-use")
	eventually(t, "the job has run", func() bool {
		return slices.ContainsFunc(p.console().Jobs, func(j console.Job) bool {
			return j.Name == "store-token-use" && !j.Last.IsZero() && j.Error == ""
		})
	})
	before := p.readied()
	p.act("do=roll")
	eventually(t, "the workers are replaced", func() bool {
		workers := p.console().Workers
		return len(workers) == 3 && !slices.ContainsFunc(workers, func(w console.Worker) bool {
			return w.PID == 0 || slices.Contains(before, w.PID)
		})
	})
}
