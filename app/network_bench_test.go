//go:build linux

package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/middleware"
	"example.com/prefab/repositories/seed"
)

const (
	benchServer = "PREFAB_BENCH_SERVER" // what a copy of this test binary serves: "prefab" or "bare"
	benchPage   = "/api/v1/products?limit=36"
)

// BenchmarkNetwork compares what a page of 4 KiB costs a server process over
// keep-alive connections, in user and system time: a hit of the HTTP cache
// through all of the program, and a bare Fiber handler that returns the same
// bytes and writes the same access log. The two take turns.
func BenchmarkNetwork(b *testing.B) {
	database := devtest.Database(b)
	if err := seed.Catalogue(b.Context(), openDB(b, database), seed.Options{Products: 100}); err != nil {
		b.Fatal(err)
	}
	prefab := serveBench(b, "prefab", "DATABASE_URL="+database, "REDIS_URL="+devtest.Redis(b))
	body := prefab.read(b)
	file := b.TempDir() + "/body"
	if err := os.WriteFile(file, body, 0o600); err != nil {
		b.Fatal(err)
	}
	bare := serveBench(b, "bare", "BODY="+file)

	const requests, clients, turns = 20_000, 8, 7
	prefab.load(b, requests, clients)
	bare.load(b, requests, clients)
	var hits, plain, ratios []float64
	for b.Loop() {
		for range turns {
			hit, base := prefab.load(b, requests, clients), bare.load(b, requests, clients)
			hits, plain, ratios = append(hits, hit), append(plain, base), append(ratios, hit/base)
		}
	}
	b.ReportMetric(median(hits), "µs-cpu/hit")
	b.ReportMetric(median(plain), "µs-cpu/bare")
	b.ReportMetric(median(ratios), "hit/bare")
	b.ReportMetric(0, "ns/op") // a round's, which says nothing
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// benchProcess is a server in a process of its own.
type benchProcess struct {
	address string
	pid     int
}

func serveBench(b testing.TB, kind string, environ ...string) benchProcess {
	b.Helper()
	log, err := os.Create(b.TempDir() + "/log")
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), benchServer+"="+kind), environ...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	p := benchProcess{address: strings.TrimSpace(address), pid: cmd.Process.Pid}
	for { // it is started, or Go's own limit ends the benchmark
		if response, err := http.Get("http://" + p.address + benchPage); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
	}
}

// runBenchServer is what the process does.
func runBenchServer(kind string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg, err := app.LoadConfig(os.Environ(), "")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	log := app.NewLogger(cfg, os.Stderr)
	if kind == "prefab" {
		return app.Serve(context.Background(), cfg, listener, log)
	}
	body, err := os.ReadFile(os.Getenv("BODY"))
	if err != nil {
		return err
	}
	server := fiber.New(fiber.Config{DisableStartupMessage: true})
	server.Use(middleware.Trace(cfg.RequestTimeout, nil), middleware.AccessLog(log, cfg.SlowRequestThreshold))
	server.Get("/api/v1/products", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	middleware.NameRoutes(server)
	return server.Listener(listener)
}

func (p benchProcess) read(b *testing.B) []byte {
	b.Helper()
	response, err := http.Get("http://" + p.address + benchPage)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	if !strings.Contains(response.Header.Get("Cache-Status"), "; hit;") {
		b.Fatalf("the page is not cached: %v", response.Header)
	}
	return body
}

// load sends requests and returns the server's CPU time for each, in µs.
func (p benchProcess) load(b *testing.B, requests, clients int) float64 {
	b.Helper()
	before := p.cpu(b)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			if err := p.send(requests / clients); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	return float64(p.cpu(b)-before) * 1e6 / float64(requests)
}

func (p benchProcess) send(requests int) error {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := []byte("GET " + benchPage + " HTTP/1.1\r\nHost: " + p.address + "\r\n\r\n")
	in := bufio.NewReaderSize(conn, 16<<10)
	for range requests {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := skipResponse(in); err != nil {
			return err
		}
	}
	return nil
}

func skipResponse(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if value, found := strings.CutPrefix(string(line), "Content-Length: "); found {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
		if len(line) == 2 {
			_, err := in.Discard(length)
			return err
		}
	}
}

// cpu is the user and system time of the process so far, in seconds. The kernel
// counts hundredths.
func (p benchProcess) cpu(b *testing.B) float64 {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before may hold spaces
	fields := strings.Fields(rest)
	const utime, stime, ticks = 11, 12, 100
	user, err := strconv.Atoi(fields[utime])
	if err != nil {
		b.Fatal(err)
	}
	system, err := strconv.Atoi(fields[stime])
	if err != nil {
		b.Fatal(err)
	}
	return float64(user+system) / ticks
}
