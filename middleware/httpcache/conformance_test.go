//go:build conformance

package httpcache_test

import (
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
	"strings"
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
// the package's folder; make conformance installs it.
func TestCache_ConformsToRFC9111(t *testing.T) {
	suite := openSuite(t)
	pages := sharedPages(t)
	cached := httpcache.New(httpcache.Config{Store: pages, TTL: time.Nanosecond}).
		Route(httpcache.RouteConfig{Tags: []string{"test:{id}"}})
	passed, failed := suite.run(t, func(c *fiber.Ctx) error {
		if err := cached(c); err != nil || c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
			return err
		}
		return pages.Invalidate(c.UserContext(), "test:"+c.Params("id")) // as a service does that writes
	})
	t.Logf("%d required tests passed; failed: %s", passed, strings.Join(failed, " "))
	if passed < 125 {
		t.Errorf("%d required tests passed, fewer than before; nginx passes 100", passed)
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

// suite is the installed package and its tests.
type suite struct {
	dir   string
	tests []struct {
		ID, Kind    string
		BrowserOnly bool `json:"browser_only"`
	}
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

// run has the suite judge a cache that stands before a proxy of its origin, by its required tests.
func (s suite) run(t *testing.T, cache fiber.Handler) (passed int, failed []string) {
	t.Helper()
	origin := s.startOrigin(t)
	app := fiber.New(fiber.Config{
		StrictRouting: true, CaseSensitive: true, EnableTrustedProxyCheck: true, DisableStartupMessage: true,
		RequestMethods: append(slices.Clone(fiber.DefaultMethods), "M-SEARCH"),
	})
	app.Use("/test/:id", fibertest.Trace, negotiate.ConditionalRequests, cache)
	app.Use(proxyTo(origin))
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
	for _, test := range s.tests {
		switch result, found := results[test.ID]; {
		case test.BrowserOnly || test.Kind == "optimal" || test.Kind == "check":
		case !found:
			t.Fatalf("%s was not run", test.ID)
		case string(result) == "true":
			passed++
		default:
			failed = append(failed, test.ID)
		}
	}
	return passed, failed
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

func proxyTo(origin string) fiber.Handler {
	client := &fasthttp.HostClient{
		Addr: origin, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		MaxConns: 1024, MaxIdemponentCallAttempts: 1, // the suite counts requests
	}
	return func(c *fiber.Ctx) error {
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

func withStderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return err
}
