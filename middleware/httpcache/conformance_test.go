//go:build conformance

package httpcache_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/httpcache"
	"example.com/prefab/middleware/negotiate"
	twolevel "example.com/prefab/repositories/cache"
	"example.com/prefab/repositories/redisclient"
)

func TestMain(m *testing.M) { devtest.Main(m) }

// TestCache_ConformsToRFC9111 runs the public suite of HTTP cache tests, the npm
// package http-cache-tests, with a proxy behind the cache and its own store. HTTP_CACHE_TESTS names
// the package's folder; make conformance installs it. No answer may be used again
// that must not be.
func TestCache_ConformsToRFC9111(t *testing.T) {
	suite := openSuite(t)
	pages := sharedPages(t)
	cached := httpcache.New(httpcache.Config{Store: pages, TTL: time.Nanosecond}).
		Route(httpcache.RouteConfig{Tags: []string{"test:{id}"}})
	got := suite.run(t, func(c *fiber.Ctx) error {
		if err := cached(c); err != nil || c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
			return err
		}
		return pages.Invalidate(c.UserContext(), "test:"+c.Params("id")) // as a service does that writes
	})
	t.Logf("%d of %d required tests passed; failed: %s", got.passed, got.passed+len(got.failed), strings.Join(got.failed, " "))
	for _, wrong := range got.wrong {
		t.Errorf("used again: %s", wrong)
	}
	if got.passed < 125 {
		t.Errorf("%d required tests passed, fewer than before; nginx passes 100", got.passed)
	}
}

// sharedPages are those of the service: memory over Redis.
func sharedPages(t *testing.T) *twolevel.Table[*httpcache.Page] {
	t.Helper()
	client, err := redisclient.Open(devtest.Redis(t), 16)
	if err != nil {
		t.Fatal(err)
	}
	values := twolevel.New(twolevel.Options{
		Client: client, Prefix: "test:", MemoryTTL: time.Minute, MaxItems: 1000, MaxBytes: 1 << 20,
		ValueLimit: 1 << 16, Budget: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	values.Start(t.Context())
	t.Cleanup(func() {
		values.Close()
		_ = client.Close()
	})
	return twolevel.NewTable[*httpcache.Page](values, twolevel.TableOptions{Name: "page"})
}

// suite is the installed package and what its tests expect.
type suite struct {
	dir   string
	tests []suiteTest
}

type suiteTest struct {
	ID          string
	Kind        string
	BrowserOnly bool `json:"browser_only"`
	Requests    []struct {
		ExpectedType string `json:"expected_type"`
	}
}

// mustAsk reports whether the answer to the request must come from the origin, or
// be validated there.
func (s suiteTest) mustAsk(request int) bool {
	expected := s.Requests[request].ExpectedType
	return expected == "not_cached" || strings.HasSuffix(expected, "_validated")
}

// origins notes which requests the suite sent, and which got to the origin.
type origins struct {
	mu    sync.Mutex
	sent  map[string]bool // by the test's id and the number of the request
	asked map[string]bool
}

func requestOf(testID string, number int) string { return testID + " request " + strconv.Itoa(number) }

// note writes down in the map which request it is that c answers.
func (o *origins) note(c *fiber.Ctx, in map[string]bool) {
	number, err := strconv.Atoi(c.Get("Req-Num"))
	if err != nil {
		return // the suite's own
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	in[requestOf(c.Get("Test-ID"), number)] = true
}

func openSuite(t *testing.T) suite {
	t.Helper()
	dir := os.Getenv("HTTP_CACHE_TESTS")
	if dir == "" {
		t.Fatal("HTTP_CACHE_TESTS is not set: run make conformance")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := suite{dir: dir}
	// The order is that of the package's own command line.
	const list = `import tests from "./tests/index.mjs"; import more from "./tests/surrogate-control.mjs";
		console.log(JSON.stringify([...tests, more].flatMap(suite => suite.tests)))`
	out, err := s.node(t, nil, "--input-type=module", "-e", list).Output()
	if err != nil {
		t.Fatal(withStderr(err))
	}
	if err := json.Unmarshal(out, &s.tests); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s suite) node(t *testing.T, env []string, args ...string) *exec.Cmd {
	command := exec.CommandContext(t.Context(), "node", append([]string{"--no-warnings"}, args...)...)
	command.Dir, command.Env = s.dir, append(os.Environ(), env...)
	return command
}

// run has the suite judge a cache that stands before a proxy of its origin.
func (s suite) run(t *testing.T, cache fiber.Handler) suiteOutcome {
	t.Helper()
	origin := s.startOrigin(t)
	seen := origins{sent: make(map[string]bool), asked: make(map[string]bool)}
	app := fiber.New(fiber.Config{
		StrictRouting: true, CaseSensitive: true, EnableTrustedProxyCheck: true, DisableStartupMessage: true,
		RequestMethods: append(slices.Clone(fiber.DefaultMethods), "M-SEARCH"),
	})
	app.Use(func(c *fiber.Ctx) error {
		seen.note(c, seen.sent)
		return c.Next()
	})
	app.Use("/test/:id", fibertest.Trace, negotiate.ConditionalRequests, cache)
	app.Use(proxyTo(origin, &seen))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = app.Listener(listener) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })

	base := "npm_config_base=http://" + listener.Addr().String()
	out, err := s.node(t, []string{base, "npm_package_config_id="}, "cli.mjs").Output()
	if err != nil {
		t.Fatal(withStderr(err))
	}
	results := make(map[string]json.RawMessage)
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return s.judge(t, results, &seen)
}

func (s suite) startOrigin(t *testing.T) (address string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	server := s.node(t, []string{
		"npm_config_protocol=http", "npm_config_port=" + port, "npm_config_pidfile=" + filepath.Join(t.TempDir(), "pid"),
	}, "server/server.mjs")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the suite's origin does not start")
	return ""
}

func proxyTo(origin string, seen *origins) fiber.Handler {
	client := &fasthttp.HostClient{
		Addr: origin, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		MaxConns: 1024, MaxIdemponentCallAttempts: 1, // the suite counts requests
	}
	return func(c *fiber.Ctx) error {
		seen.note(c, seen.asked)
		c.Request().Header.Del(fiber.HeaderConnection)
		if err := client.Do(c.Request(), c.Response()); err != nil {
			return errors.Join(fiber.ErrBadGateway, err)
		}
		// The cache keeps nothing that has a Date: what handlers make is of now.
		date, err := http.ParseTime(string(c.Response().Header.Peek(fiber.HeaderDate)))
		if err == nil && time.Since(date) < 2*time.Second {
			c.Response().Header.Del(fiber.HeaderDate)
		}
		return nil
	}
}

// suiteOutcome is what the suite says of a cache.
type suiteOutcome struct {
	passed int      // required tests
	failed []string // required tests
	wrong  []string // requests that were answered from the cache, and must not be
}

// judge counts what passed, and the requests that must be answered by the origin but never
// reached it.
func (s suite) judge(t *testing.T, results map[string]json.RawMessage, seen *origins) (o suiteOutcome) {
	t.Helper()
	for _, test := range s.tests {
		if test.BrowserOnly {
			continue
		}
		result, found := results[test.ID]
		switch required := test.Kind != "optimal" && test.Kind != "check"; {
		case !found:
			t.Fatalf("%s was not run", test.ID)
		case required && bytes.Equal(result, []byte("true")):
			o.passed++
		case required:
			o.failed = append(o.failed, test.ID)
		}
		for i := range test.Requests {
			// A test that fails early does not send the rest.
			name := requestOf(test.ID, i+1)
			if test.mustAsk(i) && seen.sent[name] && !seen.asked[name] {
				o.wrong = append(o.wrong, name)
			}
		}
	}
	return o
}

func withStderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
