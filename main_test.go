package main_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
)

// The one process test of `make test`; the others are in `make test-rest`.
func TestSmoke_ServesOnABareCheckoutAndAfterKillNine(t *testing.T) {
	dir := checkout(t)
	p := start(t, dir)
	p.serves()
	p.signal(syscall.SIGKILL)
	p.exit()

	again := start(t, dir)
	again.serves()
	again.signal(syscall.SIGTERM)
	if code := again.exit(); code != 0 {
		t.Errorf("after SIGTERM it ends with %d:\n%s", code, again.said())
	}
	if left := serversOf(t, dir); len(left) > 0 {
		t.Errorf("it leaves running: %v", left)
	}
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

func TestServe_SIGTERMFinishesWhatIsUnderWay(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "SHUTDOWN_DELAY=4s", "REQUEST_TIMEOUT=20s")...)
	unlock := lockTable(t, database, "users")
	answer := make(chan *http.Response, 1)
	go func() {
		response, _ := p.signIn()
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
	if response := <-answer; response == nil || response.StatusCode != 401 || !response.Close {
		t.Errorf("the request under way, which should be told to close its connection, got %+v", response)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestServe_ASecondSignalEndsAtOnce(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REQUEST_TIMEOUT=20s")...)
	defer lockTable(t, database, "users")()
	go func() { _, _ = p.signIn() }()
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
			"PostgreSQL refuses the connection",
		},
		"a Redis that refuses us": {append(settings, "REDIS_URL="+guarded(t)), "Redis refuses the connection"},
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
	if status, body := p.get("/login"); status != 200 {
		t.Errorf("the page is %d %s", status, body)
	}
	eventually(t, "readiness names what is away", func() bool {
		status, body := p.get("/health/ready")
		return status == 200 && strings.Contains(body, `"degraded":["redis"]`)
	})
	if !strings.Contains(p.said(), "Redis does not answer: serving without") {
		t.Errorf("it does not say so:\n%s", p.said())
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
		"half a request line":  "GET /heal",
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
			if err := c.SetDeadline(time.Now().Add(waitLimit)); err != nil {
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
