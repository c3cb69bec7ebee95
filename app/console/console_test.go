package console_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/console"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/metrics"
)

func TestMain(m *testing.M) { devtest.Main(m) }

// testNode is a node whose workers answer as the test says.
type testNode struct {
	*console.Console
	requests *prometheus.CounterVec
	queries  *prometheus.HistogramVec
	answers  sync.Map              // console.Answer by slot; a slot without one does not answer
	asked    chan console.Question // all but those for the status
	rolls    atomic.Int64
	log      safeBuffer
	stop     func()
}

func startNode(t *testing.T, name string, client redis.UniversalClient, slots ...int) *testNode {
	t.Helper()
	return startNodeWith(t, console.Options{Node: console.NodeInfo{Name: name}, Redis: client}, slots...)
}

func startNodeWith(t *testing.T, o console.Options, slots ...int) *testNode {
	t.Helper()
	registry := prometheus.NewRegistry()
	n := &testNode{
		requests: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "prefab_http_requests_total"}, []string{"method", "route", "status"}),
		queries: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: "prefab_sql_query_duration_seconds"}, []string{"query", "outcome"}),
		asked: make(chan console.Question, 100),
	}
	registry.MustRegister(n.requests, n.queries)
	var workers []console.Worker
	for _, slot := range slots {
		n.answers.Store(slot, console.Answer{})
		workers = append(workers, console.Worker{Slot: slot, PID: 100 + slot, State: "ready"})
	}
	o.Node.Started, o.Metrics, o.Log = time.Now().Add(-time.Hour), metrics.SingleProcess(registry), slog.New(slog.NewTextHandler(&n.log, nil))
	o.Workers = func() []console.Worker { return slices.Clone(workers) }
	if len(slots) > 1 { // else a single process serves
		o.Roll = func() { n.rolls.Add(1) }
	}
	o.Ask = func(ctx context.Context, slot int, text []byte) ([]byte, error) {
		answer, ok := n.answers.Load(slot)
		if !ok {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var q console.Question
		if err := json.Unmarshal(text, &q); err != nil {
			return nil, err
		}
		if q.Kind != console.Status {
			n.asked <- q
		}
		return json.Marshal(answer)
	}
	o.Settings = []console.Setting{{Name: "PORT", Value: "3000"}}
	n.Console = console.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	n.stop = func() { cancel(); <-ended }
	t.Cleanup(n.stop)
	return n
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await looks until the state is as it should be, which takes a second or more.
func await(t *testing.T, c *testNode, what string, ok func(console.State) bool) (s console.State) {
	t.Helper()
	devtest.Eventually(t, what, func() bool {
		time.Sleep(100 * time.Millisecond)
		s = c.State(t.Context(), "")
		return ok(s)
	})
	return s
}

func ownRedis(t *testing.T) redis.UniversalClient {
	return devtest.RedisClient(t, devtest.OwnRedis(t).URL)
}

func TestState_AddsTheNodesUp(t *testing.T) {
	client, began := ownRedis(t), time.Now().Truncate(time.Second).UTC()
	a, b := startNode(t, "a", client, 0, 1), startNode(t, "b", client, 0)
	a.requests.WithLabelValues("GET", "/", "200").Add(10)
	b.requests.WithLabelValues("GET", "/", "200").Add(5)
	b.requests.WithLabelValues("GET", "/", "503").Add(2)
	b.requests.WithLabelValues("other", "other", "404").Add(1)
	a.answers.Store(0, console.Answer{
		Jobs:    []console.Job{{Name: "prune", Last: began, Next: began.Add(2 * time.Minute), Running: true}},
		Letters: map[string][]console.Letter{"stock": {{Key: "7"}}},
	})
	b.answers.Store(0, console.Answer{
		Calls: []console.Call{{ID: "x", Route: "GET /"}},
		Jobs:  []console.Job{{Name: "prune", Last: began.Add(time.Second), Error: "late", Next: began.Add(time.Minute)}},
	})
	s := await(t, a, "both nodes have answered", func(s console.State) bool { return len(s.Nodes) == 2 })
	if s.Total.Requests != 18 || s.Total.Errors != 2 || s.Node != "a" || s.Problem != "" {
		t.Errorf("the total is %+v, of %s; problem %q", s.Total, s.Node, s.Problem)
	}
	routes := map[string]uint64{}
	for _, r := range s.Routes {
		routes[r.Name] = r.Requests
	}
	if len(routes) != 2 || routes["GET /"] != 17 || routes["other"] != 1 {
		t.Errorf("the routes are %v", routes)
	}
	var workers []string
	for _, w := range s.Workers {
		workers = append(workers, w.Node)
	}
	if !slices.Equal(workers, []string{"a", "a", "b"}) {
		t.Errorf("the workers are of %v", workers)
	}
	if len(s.Slow) != 1 || s.Slow[0].Node != "b" || s.Slow[0].ID != "x" {
		t.Errorf("in flight: %+v", s.Slow)
	}
	if len(s.Jobs) != 1 {
		t.Fatalf("the jobs are %+v", s.Jobs)
	}
	if j := s.Jobs[0]; j.Error != "late" || j.Node != "b" || !j.Running || !j.Next.Equal(began.Add(time.Minute)) {
		t.Errorf("the job is %+v", j)
	}
	if len(s.Queues) != 1 || s.Queues[0].Name != "stock" || len(s.Queues[0].Letters) != 1 {
		t.Errorf("the queues are %+v", s.Queues)
	}
	if other := await(t, b, "b sees a", func(s console.State) bool { return len(s.Nodes) == 2 }); other.Total.Requests != 18 {
		t.Errorf("the other node says %+v", other.Total)
	}
}

func TestState_HasNodesOfTheSameName(t *testing.T) {
	client := ownRedis(t)
	a, twin := startNode(t, "web:1", client, 0), startNode(t, "web:1", client, 0)
	twin.requests.WithLabelValues("GET", "/", "200").Add(3)
	twin.answers.Store(0, console.Answer{Calls: []console.Call{{ID: "x"}}, Jobs: []console.Job{{Name: "prune"}}})
	const second = "web:1 (2)"
	for name, n := range map[string]*testNode{"web:1": a, second: twin} {
		s := await(t, n, "both have answered", func(s console.State) bool { return len(s.Nodes) == 2 && len(s.Slow) == 1 && len(s.Jobs) == 1 })
		if s.Total.Requests != 3 || s.Node != name {
			t.Errorf("%s says %+v, as %s", name, s.Total, s.Node)
		}
		if s.Nodes[1].Name != second || len(s.Workers) != 2 || s.Workers[0].Node != "web:1" || s.Workers[1].Node != second {
			t.Errorf("%s lists %+v with %+v", name, s.Nodes, s.Workers)
		}
		if s.Slow[0].Node != second || s.Jobs[0].Node != second {
			t.Errorf("%s has %+v in flight, and the jobs %+v", name, s.Slow, s.Jobs)
		}
	}
}

func TestState_OfAGrowingServiceHasRatesAndAHistory(t *testing.T) {
	n := startNode(t, "a", ownRedis(t), 0)
	await(t, n, "the history begins", func(s console.State) bool { return s.History.End.After(time.Unix(1, 0)) })
	n.requests.WithLabelValues("GET", "/", "200").Add(120)
	s := await(t, n, "the requests are in the history", func(s console.State) bool { return s.Total.Rate > 0 })
	if s.Total.Rate != 2 || s.Routes[0].Rate != 2 { // of the last minute
		t.Errorf("the rates are %v and %v", s.Total.Rate, s.Routes[0].Rate)
	}
	sum := 0.0
	for _, p := range s.History.Points {
		sum += p.Rate * s.History.Step
	}
	if sum != 120 || s.Routes[0].Spark[len(s.Routes[0].Spark)-1] != 120 {
		t.Errorf("the history has %v requests, the small plot %v", sum, s.Routes[0].Spark)
	}
	if other := n.State(t.Context(), "GET /other"); other.History.Route != "GET /other" || other.History.Points[len(other.History.Points)-1].Rate != 0 {
		t.Errorf("the history of a route without requests is %+v", other.History.Points)
	}
}

func TestState_GoesOnWhileOthersDie(t *testing.T) {
	server := devtest.OwnRedis(t)
	a, b := startNode(t, "a", devtest.RedisClient(t, server.URL), 0), startNode(t, "b", devtest.RedisClient(t, server.URL), 0, 1)
	await(t, a, "b answers", func(s console.State) bool { return len(s.Nodes) == 2 })

	b.answers.Delete(1) // hangs
	s := await(t, a, "the worker that hangs is told", func(s console.State) bool { return s.Problem != "" })
	if s.Problem != "Worker 1 of b does not answer." || len(s.Nodes) != 2 {
		t.Errorf("the problem is %q, with %d nodes", s.Problem, len(s.Nodes))
	}
	b.stop()
	await(t, a, "b has gone", func(s console.State) bool { return len(s.Nodes) == 1 && s.Problem == "" })

	a.answers.Store(0, console.Answer{Error: "The dead letters of lamps cannot be listed."}) // the same outage
	server.Stop()
	s = await(t, a, "Redis is missed", func(s console.State) bool { return strings.HasPrefix(s.Problem, "Other nodes are missing") })
	if len(s.Nodes) != 1 || len(s.Workers) != 1 {
		t.Errorf("without Redis there are %d nodes", len(s.Nodes))
	}
}

// Viewers share a State, so one who closes the page must not leave half of it to the others.
func TestState_IsWholeThoughItsViewerLeaves(t *testing.T) {
	client := ownRedis(t)
	a, _ := startNode(t, "a", client, 0), startNode(t, "b", client, 0)
	await(t, a, "b answers", func(s console.State) bool { return len(s.Nodes) == 2 })
	left, leave := context.WithCancel(t.Context())
	leave()
	if s := a.State(left, "GET /"); len(s.Nodes) != 2 || s.Problem != "" {
		t.Errorf("there are %d nodes, and the problem %q", len(s.Nodes), s.Problem)
	}
}

func TestConsole_IsForItsOwnHostAndSite(t *testing.T) {
	n := startNode(t, "a", devtest.RedisClient(t, devtest.Redis(t)), 0)
	server := httptest.NewServer(n)
	defer server.Close()
	for host, want := range map[string]int{
		"": 200, "localhost:3001": 200, "127.0.0.1": 200, "[::1]:9": 200,
		"evil.example": 421, "evil.example:3001": 421, "localhost.evil.example": 421, "10.0.0.1": 421,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/ops.json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var s console.State
		err = json.NewDecoder(answer.Body).Decode(&s)
		_ = answer.Body.Close()
		if answer.StatusCode != want || want == http.StatusOK && err != nil {
			t.Errorf("%s: %d, %v", host, answer.StatusCode, err)
		}
	}
}
