package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/settings"
	"example.com/prefab/middleware/request"
	"example.com/prefab/services/health"
)

// serveSlow serves GET /slow/:n, which sends n statements and then waits for release.
func serveSlow(t *testing.T) (p *Process, url string, entered, release chan struct{}) {
	t.Helper()
	s, err := settings.Load[Settings]([]string{"DATABASE_URL=" + devtest.Database(t), "REDIS_URL=" + devtest.Redis(t)}, "none")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release = make(chan struct{}), make(chan struct{})
	built := make(chan *Process, 1)
	options := Options{Settings: s, Log: slog.New(slog.DiscardHandler), Build: func(p *Process) (*Service, error) {
		app := p.NewApp(nil, fiber.DefaultErrorHandler)
		app.Get("/slow/:n", func(c *fiber.Ctx) error {
			n, err := c.ParamsInt("n")
			for range n {
				_, err = p.DB.ExecContext(c.UserContext(), "SELECT 1")
			}
			entered <- struct{}{}
			<-release
			return err
		})
		request.NameRoutes(app)
		built <- p
		return &Service{App: app, Health: p.NewHealth(nil)}, nil
	}}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, options, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	p = <-built
	devtest.Eventually(t, "it is ready", func() bool { return p.Health.State() == health.Ready })
	return p, "http://" + listener.Addr().String(), entered, release
}

func TestSlow_ListsTheRequestsThatAreHandled(t *testing.T) {
	p, url, entered, release := serveSlow(t)
	began := time.Now()
	client := &http.Client{}
	var answered sync.WaitGroup
	for n := range 3 {
		answered.Go(func() {
			response, err := client.Get(fmt.Sprint(url, "/slow/", n))
			if err != nil || response.Body.Close() != nil || response.StatusCode != http.StatusOK {
				t.Errorf("the answer is %v, error %v", response, err)
			}
		})
		<-entered
	}
	calls := p.connections.slow(0)
	if len(calls) != 3 {
		t.Fatalf("listed are %+v", calls)
	}
	for n, c := range calls {
		if c.Route != "GET /slow/:n" || c.SQL != int64(n) || len(c.ID) != 32 || c.Since.Before(began) || c.Since.After(time.Now()) {
			t.Errorf("request %d is %+v", n, c)
		}
	}
	if calls := p.connections.slow(time.Hour); len(calls) != 0 {
		t.Errorf("for more than an hour, %+v are handled", calls)
	}
	close(release)
	answered.Wait()
	devtest.Eventually(t, "none is handled", func() bool { return len(p.connections.slow(0)) == 0 })
	if n := p.connections.count(); n == 0 {
		t.Error("no connection is kept")
	}
	client.CloseIdleConnections()
	devtest.Eventually(t, "none is open", func() bool { return p.connections.count() == 0 })
}

func (l *connections) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Requests begin and end while somebody looks.
func TestSlow_LooksWhileRequestsCome(t *testing.T) {
	p, url, entered, release := serveSlow(t)
	close(release)
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-entered:
			case <-stop:
				return
			}
		}
	})
	all.Go(func() {
		for range 200 {
			p.connections.slow(0)
		}
	})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 50 {
				response, err := http.Get(url + "/slow/1")
				if err != nil || response.Body.Close() != nil {
					t.Error(err)
				}
			}
		})
	}
	asking.Wait()
	close(stop)
	all.Wait()
}

// serveOnce is a server's handler and a request to it on a connection.
func serveOnce(t testing.TB, conn net.Conn) func() {
	t.Helper()
	p := &Process{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	p.Settings, _ = settings.Load[Settings](nil, "none")
	p.Settings.BodyLimit, p.Settings.BodyBudget = 1<<20, 1<<20
	app := p.NewApp(nil, fiber.DefaultErrorHandler)
	app.Get("/ok", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) })
	request.NameRoutes(app)
	app.Handler() // builds the routes
	var ctx fasthttp.RequestCtx
	ctx.Init2(conn, nil, false)
	return func() {
		ctx.Request.Header.SetMethod(http.MethodGet)
		ctx.Request.SetRequestURI("/ok")
		ctx.Response.Reset()
		app.Server().Handler(&ctx)
		if status := ctx.Response.StatusCode(); status != http.StatusNoContent {
			t.Errorf("the answer is %d", status)
		}
		ctx.ResetUserValues()
	}
}

func TestFollow_AllocatesNothing(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	followed := testing.AllocsPerRun(1000, serveOnce(t, &connection{Conn: server}))
	if others := testing.AllocsPerRun(1000, serveOnce(t, server)); followed != others || others == 0 {
		t.Errorf("a request takes %v allocations, on another connection %v", followed, others)
	}
}

func BenchmarkHandler(b *testing.B) {
	_, server := net.Pipe()
	serve := serveOnce(b, &connection{Conn: server})
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
