package main_test

import (
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
)

const firstPage = "/api/v1/products?limit=3"

// The one process test of `make test`; the others are in `make test-rest`.
func TestSmoke_ServesOnABareCheckoutAndAfterKillNine(t *testing.T) {
	dir := checkout(t)
	p := start(t, dir)
	status, page := p.get(firstPage)
	if status != 200 || strings.Count(page, `"priceCents"`) != 3 {
		t.Fatalf("the first page is %d %s", status, page)
	}
	if !strings.Contains(p.said(), "admin@prefab.example  sample-admin-password") {
		t.Errorf("the sample sign-in is not printed:\n%s", p.said())
	}

	p.signal(syscall.SIGKILL)
	p.exit()
	again := start(t, dir)
	if status, after := again.get(firstPage); status != 200 || after != page {
		t.Errorf("after kill -9 the first page is %d %s, it was %s", status, after, page)
	}

	again.signal(syscall.SIGTERM)
	if code := again.exit(); code != 0 {
		t.Errorf("after SIGTERM it ends with %d:\n%s", code, again.said())
	}
	if left := serversOf(t, dir); len(left) > 0 {
		t.Errorf("it leaves running: %v", left)
	}
}

func TestServe_KilledLeavesNoServerBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells children of their parent's death; elsewhere the next start ends them")
	}
	dir := checkout(t)
	p := start(t, dir)
	if len(serversOf(t, dir)) == 0 {
		t.Fatal("no server was found while it ran: the test cannot see them")
	}
	p.signal(syscall.SIGKILL)
	p.exit()
	eventually(t, "its servers ended", func() bool { return len(serversOf(t, dir)) == 0 })
}

func TestServe_WatchesItsMemoryLimit(t *testing.T) {
	p := start(t, checkout(t), "DATABASE_URL="+devtest.Database(t), "REDIS_URL="+devtest.Redis(t),
		"GOMEMLIMIT=64MiB", "MEMORY_THRESHOLD=0.1", "MEMORY_CHECK_INTERVAL=1s")
	if !strings.Contains(p.said(), `msg="memory is limited" GOMEMLIMIT=67108864 workers=1`) {
		t.Errorf("it does not tell its limit:\n%s", p.said())
	}
	eventually(t, "it warns", func() bool { return strings.Contains(p.said(), `msg="memory is short"`) })
	if _, health := p.get("/health"); !strings.Contains(health, `"limit":64,`) {
		t.Errorf("/health says %s", health)
	}
}

// serversOf returns the command lines of processes that name the folder.
func serversOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func TestServe_TwoCheckoutsSideBySide(t *testing.T) {
	one, two := start(t, checkout(t)), start(t, checkout(t))
	for _, p := range []*process{one, two} {
		if status, body := p.get("/api/v1/products/count"); status != 200 {
			t.Errorf("the count is %d %s", status, body)
		}
	}
	jar, _ := cookiejar.New(nil) // one browser, which sends the cookies of a host to all its ports
	browser := http.Client{Jar: jar}
	for _, p := range []*process{one, two} {
		response, err := browser.Post(p.URL+"/api/v1/session", "application/json",
			strings.NewReader(`{"email":"admin@prefab.example","password":"sample-admin-password"}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	for _, p := range []*process{one, two} {
		response, err := browser.Get(p.URL + "/api/v1/session")
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusOK {
			t.Errorf("signed in to both, %s answers %s", p.URL, response.Status)
		}
	}
	one.signal(syscall.SIGTERM)
	if code := one.exit(); code != 0 {
		t.Errorf("the first ends with %d:\n%s", code, one.said())
	}
	if status, body := two.get("/api/v1/products/count"); status != 200 {
		t.Errorf("once the first has ended, the second says %d %s", status, body)
	}
}

// configured returns the settings of servers that are not embedded.
func configured(t *testing.T) (database string, settings []string) {
	t.Helper()
	database = devtest.Database(t)
	return database, []string{"DATABASE_URL=" + database, "REDIS_URL=" + devtest.Redis(t)}
}

// lockProducts makes every read of products wait until the returned function is called.
func lockProducts(t *testing.T, database string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("LOCK TABLE products IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waiting reports whether a query of the database waits for a lock.
func waiting(t *testing.T, database string) bool {
	t.Helper()
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	err = db.QueryRow(`SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestServe_SIGTERMFinishesWhatIsUnderWay(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "SHUTDOWN_DELAY=4s", "REQUEST_TIMEOUT=20s")...)
	unlock := lockProducts(t, database)
	answer := make(chan *http.Response, 1)
	go func() {
		response, err := http.Get(p.URL + firstPage)
		if err == nil {
			response.Body.Close()
		}
		answer <- response
	}()
	eventually(t, "the request waits in the database", func() bool { return waiting(t, database) })

	p.signal(syscall.SIGTERM)
	eventually(t, "readiness turned to 503", func() bool {
		status, body := p.get("/health/ready")
		return status == 503 && strings.Contains(body, "draining")
	})
	eventually(t, "it took no more connections", func() bool {
		status, _ := p.get("/health/live")
		return status == 0
	})
	unlock()
	if response := <-answer; response == nil || response.StatusCode != 200 || !response.Close {
		t.Errorf("the request under way, which should be told to close its connection, got %+v", response)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestServe_ASecondSignalEndsAtOnce(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REQUEST_TIMEOUT=20s")...)
	defer lockProducts(t, database)()
	go p.get(firstPage)
	eventually(t, "the request waits in the database", func() bool { return waiting(t, database) })

	p.signal(syscall.SIGINT)
	eventually(t, "it drains", func() bool { return strings.Contains(p.said(), "msg=draining") })
	p.signal(syscall.SIGINT)
	if code := p.exit(); code == 0 {
		t.Error("it says that all went well")
	}
}

// guarded returns the address of a Redis that wants a password, without it.
func guarded(t *testing.T) string {
	t.Helper()
	server := devtest.OwnRedis(t)
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.ConfigSet(t.Context(), "requirepass", "hunter2").Err(); err != nil {
		t.Fatal(err)
	}
	return server.URL
}

func TestServe_RefusesToServeHalfStarted(t *testing.T) {
	_, settings := configured(t)
	for name, test := range map[string]struct {
		settings []string
		says     string
	}{
		"PostgreSQL away": {
			append(settings, "DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable", "START_TIMEOUT=1s"),
			"PostgreSQL did not answer",
		},
		"no such database": {
			append(settings, strings.Replace(settings[0], "/test_", "/nowhere_", 1)),
			"PostgreSQL refuses us",
		},
		"a Redis that refuses us": {append(settings, "REDIS_URL="+guarded(t)), "Redis refuses us"},
		"wrong settings":          {append(settings, "BODY_LIMIT=much"), "BODY_LIMIT: must be a whole number"},
		"bare production":         {[]string{"APP_ENV=production"}, "DATABASE_URL: is required in production"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, checkout(t), nil, test.settings...)
			if code := p.exit(); code != 1 {
				t.Errorf("it ends with %d", code)
			}
			eventually(t, "it said why", func() bool { return strings.Contains(p.said(), test.says) })
		})
	}
}

func TestServe_StartsWithoutRedisAndSaysSo(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REDIS_URL=redis://127.0.0.1:1", "START_TIMEOUT=1s")...)
	if status, body := p.get(firstPage); status != 200 {
		t.Errorf("the catalogue is %d %s", status, body)
	}
	eventually(t, "readiness names what is away", func() bool {
		status, body := p.get("/health/ready")
		return status == 200 && strings.Contains(body, `"degraded":["redis"]`)
	})
	if !strings.Contains(p.said(), "Redis is away") {
		t.Errorf("it does not say so:\n%s", p.said())
	}
}

func TestServe_TwoFirstStartsOfOneCheckoutShareIt(t *testing.T) {
	dir := checkout(t)
	one, two := launch(t, dir, nil), launch(t, dir, nil)
	for _, p := range []*process{one, two} {
		eventually(t, "it serves", func() bool { return servingAt.MatchString(p.said()) || ended(p) })
		if ended(p) {
			t.Errorf("it ended:\n%s", p.said())
		}
	}
}

func ended(p *process) bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func TestServe_InterruptedWhileItWaitsSaysSo(t *testing.T) {
	_, settings := configured(t)
	p := launch(t, checkout(t), nil, append(settings, "DATABASE_URL=postgres://nobody@127.0.0.1:1/none")...)
	eventually(t, "it waits", func() bool { return strings.Contains(p.said(), "waiting for PostgreSQL") })
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 130 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
	eventually(t, "it said so", func() bool { return strings.Contains(p.said(), "prefab: interrupted") })
}

func TestServe_ProductionRefusesTheSampleUsers(t *testing.T) {
	_, settings := configured(t)
	seeded := launch(t, checkout(t), []string{"seed", "--products", "10"}, settings...)
	if code := seeded.exit(); code != 0 {
		t.Fatalf("seeding ends with %d:\n%s", code, seeded.said())
	}
	p := launch(t, checkout(t), nil, append(settings, "APP_ENV=production")...)
	if code := p.exit(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	eventually(t, "it named both users", func() bool {
		return strings.Contains(p.said(), "admin@prefab.example") && strings.Contains(p.said(), "member@prefab.example")
	})
}

func TestServe_ASampleAddressAloneDoesNotStopProduction(t *testing.T) {
	_, settings := configured(t)
	add := func(email string, settings ...string) *process {
		return launchWith(t, strings.NewReader("a password of my own\n"), checkout(t),
			[]string{"user", "add", "--email", email, "--name", "Eve"}, settings...)
	}
	if before := add("Admin@prefab.example", settings...); before.exit() != 0 {
		t.Fatalf("in development the address is refused:\n%s", before.said())
	}
	settings = append(settings, "APP_ENV=production", "LOG_FORMAT=text")
	reserved := add(" Member@Prefab.example", settings...)
	if code := reserved.exit(); code != 1 {
		t.Errorf("giving a sample's address in production ends with %d", code)
	}
	eventually(t, "it said why", func() bool { return strings.Contains(reserved.said(), "email: is reserved") })
	start(t, checkout(t), settings...)
}

func TestServe_SaysThatThePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	p := launch(t, checkout(t), nil, "PORT="+port)
	if code := p.exit(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	eventually(t, "it said so", func() bool { return strings.Contains(p.said(), "choose another PORT") })
}

func TestServe_SaysBeforeAnythingStartsThatTheAdminPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := checkout(t)
	p := launch(t, dir, nil, "ADMIN_ADDR="+taken.Addr().String())
	if code := p.exit(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	eventually(t, "it said so", func() bool { return strings.Contains(p.said(), "set ADMIN_ADDR to nothing") })
	if _, err := os.Stat(filepath.Join(dir, ".data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has begun to make its servers: %v", err)
	}
	start(t, dir, "ADMIN_ADDR=")
}

func TestServe_DropsSlowClients(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "READ_TIMEOUT=300ms", "IDLE_TIMEOUT=1s")...)
	// fasthttp would let the read timeout stand in for the idle one.
	idle := start(t, checkout(t), append(settings, "READ_TIMEOUT=1h", "IDLE_TIMEOUT=1s")...)
	for name, sent := range map[string]string{
		"says nothing":         "",
		"half a request line":  "GET /api/v1/pro",
		"header without end":   "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"body that never ends": "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
		"idle after an answer": "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := p
			if name == "idle after an answer" {
				server = idle
			}
			c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, sent); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
}

func TestServe_DropsClientsThatDoNotRead(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REQUEST_TIMEOUT=500ms", "WRITE_TIMEOUT=1s", "READ_TIMEOUT=1h")...)
	c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "the connection is cut", func() bool {
		if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		for range 100 { // some 30 KiB of answer each, until no buffer between us takes more
			if _, err := io.WriteString(c, "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				return !errors.Is(err, os.ErrDeadlineExceeded)
			}
		}
		return false
	})
}

func TestServe_TurnsAwayConnectionsBeyondTheLimit(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "MAX_CONNECTIONS=2", "READ_TIMEOUT=1h")...)
	for range 2 {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "one more is turned away", func() bool {
		status, _ := p.get("/health/live")
		return status != 200
	})
}
