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
	again.wantExit(0)
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
	p.says(`msg="memory is short"`)
	if _, health := p.get("/health"); !strings.Contains(health, `"limit":64,`) {
		t.Errorf("/health says %s", health)
	}
}

func TestServe_SIGTERMFinishesWhatIsUnderWay(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "SHUTDOWN_DELAY=2s", "REQUEST_TIMEOUT=20s")...)
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
	p.wantExit(0)
}

func TestServe_ASecondSignalEndsAtOnce(t *testing.T) {
	database, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REQUEST_TIMEOUT=20s")...)
	defer lockTable(t, database, "users")()
	go func() { _, _ = p.signIn() }()
	eventually(t, "the request waits in the database", func() bool { return waiting(t, database) })

	p.signal(syscall.SIGINT)
	p.says("msg=draining")
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
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for name, test := range map[string]struct {
		settings []string
		says     string
	}{
		"PostgreSQL down": {
			append(settings, "DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable", "START_TIMEOUT=1s"),
			"PostgreSQL did not answer",
		},
		"no such database": {
			append(settings, strings.Replace(settings[0], "/test_", "/nowhere_", 1)),
			"PostgreSQL refuses the connection",
		},
		"a Redis that refuses us": {append(settings, "REDIS_URL="+guarded(t)), "Redis refuses the connection"},
		"bare production":         {[]string{"APP_ENV=production"}, "DATABASE_URL: is required in production"},
		"the port is taken":       {[]string{"PORT=" + port}, "choose another PORT"},
		"prefork's port is taken": {[]string{"PORT=" + port, "PREFORK=true"}, "choose another PORT"},
		"the admin port is taken": {[]string{"ADMIN_ADDR=" + taken.Addr().String()}, "set ADMIN_ADDR to nothing"},
	} {
		dir := checkout(t)
		p := launch(t, dir, nil, test.settings...)
		p.wantExit(1)
		eventually(t, name+": it said why", func() bool { return strings.Contains(p.said(), test.says) })
		if _, err := os.Stat(filepath.Join(dir, ".data")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it has begun to make its servers: %v", name, err)
		}
	}
}

func TestServe_StartsWithoutRedisAndSaysSo(t *testing.T) {
	_, settings := configured(t)
	p := start(t, checkout(t), append(settings, "REDIS_URL=redis://127.0.0.1:1", "START_TIMEOUT=1s")...)
	if status, body := p.get("/login"); status != 200 {
		t.Errorf("the page is %d %s", status, body)
	}
	eventually(t, "readiness names what is down", func() bool {
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
	p.says("waiting for PostgreSQL")
	p.signal(syscall.SIGINT)
	p.wantExit(130)
	p.says("prefab: interrupted")
}

func TestServe_DropsSlowClients(t *testing.T) {
	_, settings := configured(t)
	reading := start(t, checkout(t), append(settings, "READ_TIMEOUT=300ms", "ADMIN_ADDR=")...)
	// fasthttp would let the read timeout stand in for the idle one.
	others := start(t, checkout(t), append(settings, "READ_TIMEOUT=1h", "IDLE_TIMEOUT=1s", "REQUEST_TIMEOUT=500ms", "WRITE_TIMEOUT=1s")...)
	for _, c := range []struct {
		name   string
		server *process
		sent   string
	}{
		{"half a request line", reading, "GET /heal"},
		{"body that never ends", reading, "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"},
		{"idle after an answer", others, "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		client := c.server.dial()
		if err := client.SetDeadline(time.Now().Add(waitLimit)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(client, c.sent); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, client); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", c.name)
		}
	}
	unread := others.dial()
	eventually(t, "a connection that is not read from is cut", func() bool {
		if err := unread.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		for range 100 { // some 30 KiB of answer each, until no buffer between us takes more
			if _, err := io.WriteString(unread, "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				return !errors.Is(err, os.ErrDeadlineExceeded)
			}
		}
		return false
	})
}
