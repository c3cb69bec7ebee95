package main_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jmoiron/sqlx"
	"github.com/rs/zerolog"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/services"
	"example.com/prefab/services/passwords"
)

var faultTime = flag.Duration("faults", 3*time.Second, "how long each fault of TestFaults lasts")

const (
	faultDeadline = 3 * time.Second // REQUEST_TIMEOUT
	faultGrace    = time.Second     // for PostgreSQL to end a statement
	faultRecovery = 5 * time.Second

	// The two above are asked of faults of this length alone, which nothing else runs beside.
	fullFault = 30 * time.Second
	faultHang = time.Minute // asked of the others

	faultPace     = 20 * time.Millisecond // between a client's requests
	faultProducts = 20_000
	faultWriters  = 3      // of stock
	faultWarm     = 20_000 // the product that is read all the time
	faultEmail    = "ada@people.example"
	faultPassword = "correct horse battery staple"
)

// faults are what happens to all connections to one server.
var faults = []struct {
	name   string
	toxic  string // of Toxiproxy; none: nobody listens
	unseen bool   // a probe may still get through
}{
	{"latency", `{"type":"latency","stream":"%s","attributes":{"latency":200,"jitter":100}}`, true},
	{"latency above every deadline", `{"type":"latency","stream":"%s","attributes":{"latency":5000}}`, false},
	{"reset", `{"type":"reset_peer","stream":"%s","attributes":{"timeout":0}}`, false},
	{"black hole", `{"type":"timeout","stream":"%s","attributes":{"timeout":0}}`, false},
	{"down", "", false},
}

// unharmed are the kinds of requests that a fault of the server must not cost anything but time.
var unharmed = map[string][]string{
	"database": {"list", "warm", "session", "live", "ready"},
	"redis":    {"list", "warm", "product", "live", "ready"},
}

func TestFaults_CostNothingThatWasAcknowledgedAndEndWithTheirCause(t *testing.T) {
	for _, server := range []string{"database", "redis"} {
		t.Run(server, func(t *testing.T) { // one after the other: both load all cores
			f := newFaulty(t, server)
			f.drive()
			for _, fault := range faults {
				f.suffer(fault.name, fault.toxic, fault.unseen)
			}
			f.wantAllStored()
		})
	}
}

// faulty is a service under load, and the server behind it that fails.
type faulty struct {
	*process
	server  string
	proxy   *toxiproxy.Proxy
	db      *sqlx.DB
	client  *http.Client
	clients sync.WaitGroup
	end     chan struct{}

	mu       sync.Mutex
	tallies  map[string]*tally // by kind of request
	problems []string
	named    bool        // ready has named the server since the fault began
	stock    map[int]int // acknowledged, by product
	reviews  []int       // acknowledged, by product
}

// tally is when requests of a kind began.
type tally struct {
	good time.Time // the last one that was answered as if nothing were
	bad  time.Time // the last one that was not
}

func newFaulty(t *testing.T, server string) *faulty {
	t.Helper()
	database, redis := devtest.Database(t), devtest.Redis(t)
	db, err := postgres.Open(postgres.Options{URL: database, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(`INSERT INTO categories (name) VALUES ('Lamps')`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO products (id, name, description, price_cents, category_id) OVERRIDING SYSTEM VALUE
		SELECT n, 'Lamp', '', n, (SELECT id FROM categories) FROM generate_series(1, $1::int) n`, faultProducts); err != nil {
		t.Fatal(err)
	}
	users := services.NewUsers(repositories.NewUsers(db), nil, passwords.NewHasher(1))
	if _, err := users.Add(t.Context(), services.User{Email: faultEmail, Name: "Ada", Role: services.Admin}, faultPassword); err != nil {
		t.Fatal(err)
	}

	f := &faulty{server: server, db: db, end: make(chan struct{}), tallies: make(map[string]*tally), stock: make(map[int]int)}
	addresses := map[string]*string{"database": new(devtest.OverTCP(t, database)), "redis": new(devtest.Slow(t, redis).URL)}
	u, err := url.Parse(*addresses[server])
	if err != nil {
		t.Fatal(err)
	}
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	f.proxy = toxiproxy.NewProxy(api, server, "127.0.0.1:0", u.Host)
	if err := f.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.proxy.Stop)
	u.Host = f.proxy.Listen
	*addresses[server] = u.String()

	settings := []string{
		"DATABASE_URL=" + *addresses["database"], "REDIS_URL=" + *addresses["redis"],
		"REQUEST_TIMEOUT=" + faultDeadline.String(), "WRITE_BEHIND_INTERVAL=1s",
	}
	if server != "redis" {
		settings = append(settings, "CACHE_BUDGET=2s") // a Redis that a busy machine makes slow is not what is tested
	}
	f.process = startPrefork(t, settings...)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.client = &http.Client{Jar: jar, Timeout: waitLimit}
	t.Cleanup(f.client.CloseIdleConnections)
	status, body, _, err := f.send(http.MethodPost, "/api/v1/session", fmt.Sprintf(`{"email":%q,"password":%q}`, faultEmail, faultPassword))
	if status != http.StatusOK {
		t.Fatalf("signing in is answered by %d %s %v", status, body, err)
	}
	return f
}

func (f *faulty) send(method, path, body string) (status int, text string, header http.Header, err error) {
	request, err := http.NewRequestWithContext(context.Background(), method, f.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", nil, err
	}
	request.Close = true // so that the next one may come to another worker
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := f.client.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, string(all), response.Header, err
}

// drive starts the clients, which stop with the test.
func (f *faulty) drive() {
	get := func(path string) func(int) (string, string, string) {
		return func(n int) (string, string, string) {
			return http.MethodGet, strings.ReplaceAll(path, "{n}", fmt.Sprint(n%faultProducts+1)), ""
		}
	}
	f.repeat("product", http.StatusOK, get("/api/v1/products/{n}"), nil)
	f.repeat("list", http.StatusOK, get("/api/v1/products?limit=20"), nil)
	f.repeat("session", http.StatusOK, get("/api/v1/session"), nil)
	f.repeat("live", http.StatusOK, get("/health/live"), nil)
	f.repeat("ready", http.StatusOK, get("/health/ready"), nil)
	f.repeat("warm", http.StatusOK, func(int) (string, string, string) {
		return http.MethodGet, fmt.Sprintf("/api/v1/products/%d", faultWarm), ""
	}, nil)
	for writer := range faultWriters {
		// Each to a product of its own, so that a later one does not hide that one was lost.
		product := func(n int) int { return n*faultWriters + writer }
		f.repeat("stock", http.StatusAccepted, func(n int) (string, string, string) {
			return http.MethodPut, fmt.Sprintf("/api/v1/products/%d/stock", product(n)), fmt.Sprintf(`{"quantity":%d}`, n)
		}, func(n int) { f.stock[product(n)] = n })
	}
	f.repeat("review", http.StatusCreated, func(n int) (string, string, string) {
		return http.MethodPost, fmt.Sprintf("/api/v1/products/%d/reviews", n), `{"rating":5,"body":"Bright."}`
	}, func(n int) { f.reviews = append(f.reviews, n) })
	f.t.Cleanup(f.halt)
	f.recovery(time.Now())
}

func (f *faulty) halt() {
	select {
	case <-f.end:
	default:
		close(f.end)
	}
	f.clients.Wait()
}

// repeat is one client: it makes the n-th request, and is told, under the lock, of
// what was acknowledged.
func (f *faulty) repeat(kind string, good int, request func(n int) (method, path, body string), acknowledged func(n int)) {
	f.tallies[kind] = new(tally) // of a kind that hangs, too
	f.clients.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-f.end:
				return
			case <-time.After(faultPace):
			}
			method, path, body := request(n)
			begin := time.Now()
			status, text, header, err := f.send(method, path, body)
			took := time.Since(begin)

			f.mu.Lock()
			if status == good && acknowledged != nil {
				acknowledged(n)
			}
			problem := ""
			switch {
			case err != nil:
				problem = err.Error()
			case status != good && (status != http.StatusServiceUnavailable || slices.Contains(unharmed[f.server], kind)):
				problem = fmt.Sprint(status, " ", text)
			case status != good && header.Get("Retry-After") == "":
				problem = "503 without Retry-After"
			case took > faultHang, *faultTime >= fullFault && took > faultDeadline+faultGrace+500*time.Millisecond:
				problem = "answered after " + took.String()
			}
			if status == good && (kind != "ready" || text == `{"status":"ready"}`) {
				f.tallies[kind].good = begin
			} else {
				f.tallies[kind].bad = begin
			}
			if problem != "" {
				f.problems = append(f.problems, kind+": "+problem)
			}
			if kind == "ready" && strings.Contains(text, `"`+f.server+`"`) {
				f.named = true
			}
			f.mu.Unlock()
		}
	})
}

// suffer goes through one fault, from a service that is well to one that is again.
func (f *faulty) suffer(name, toxic string, unseen bool) {
	f.t.Helper()
	f.mu.Lock()
	f.named = false
	f.mu.Unlock()

	if toxic == "" {
		f.proxy.Stop()
	} else {
		for _, direction := range []string{"upstream", "downstream"} {
			if _, err := f.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(toxic, direction))); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	time.Sleep(*faultTime)
	f.mu.Lock()
	named := f.named
	f.mu.Unlock()
	if toxic == "" {
		if err := f.proxy.Start(); err != nil {
			f.t.Fatal(err)
		}
	} else {
		f.proxy.Toxics.ResetToxics(context.Background())
	}
	recovered := f.recovery(time.Now())

	f.t.Logf("%s, %s: recovered after %.1f s", f.server, name, recovered.Seconds())
	if !named && !unseen {
		f.t.Errorf("%s: /health/ready has not named what is degraded", name)
	}
	if *faultTime >= fullFault && recovered > faultRecovery {
		f.t.Errorf("%s: recovery took %s", name, recovered)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, problem := range f.problems[:min(5, len(f.problems))] {
		f.t.Errorf("%s: %s (one of %d)", name, problem, len(f.problems))
	}
	f.problems = nil
}

// recovery waits until requests of every kind, by all workers, have been answered
// as if nothing were for a while, and returns when that began.
func (f *faulty) recovery(since time.Time) time.Duration {
	f.t.Helper()
	const calm = time.Second
	last := since
	eventually(f.t, "all requests are answered well", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, one := range f.tallies {
			if one.bad.After(last) {
				last = one.bad
			}
			if !one.good.After(last) {
				return false
			}
		}
		return time.Since(last) > calm && len(f.tallies) > 0
	})
	return last.Sub(since)
}

// wantAllStored wants PostgreSQL to have every write that was acknowledged.
func (f *faulty) wantAllStored() {
	f.t.Helper()
	f.halt()
	if len(f.stock) == 0 {
		f.t.Error("no stock was taken")
	}
	eventually(f.t, "all acknowledged stock is stored", func() bool {
		var stored []struct{ ProductID, Quantity int }
		if err := f.db.Select(&stored, "SELECT product_id, quantity FROM stock"); err != nil {
			f.t.Fatal(err)
		}
		kept := 0
		for _, one := range stored {
			if quantity, ok := f.stock[one.ProductID]; ok && quantity == one.Quantity {
				kept++
			}
		}
		return kept == len(f.stock)
	})
	var reviewed []int
	if err := f.db.Select(&reviewed, "SELECT product_id FROM reviews ORDER BY product_id"); err != nil {
		f.t.Fatal(err)
	}
	for _, product := range f.reviews {
		if _, found := slices.BinarySearch(reviewed, product); !found {
			f.t.Errorf("the review of product %d is lost", product)
		}
	}
	if len(f.reviews) == 0 {
		f.t.Error("no review was taken")
	}
	f.t.Logf("%d reviews and %d changes of stock were acknowledged, and are stored", len(f.reviews), len(f.stock))
}
