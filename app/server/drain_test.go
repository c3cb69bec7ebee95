package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/app/settings"
	"example.com/prefab/services/health"

	"github.com/gofiber/fiber/v2"
)

func TestMain(m *testing.M) { os.Exit(devtest.Run(m)) }

// A job may be what writes the last request's data, so it must not stop before.
func TestServe_StopsTheServiceAfterTheLastRequest(t *testing.T) {
	s, err := settings.Load[Settings]([]string{"DATABASE_URL=" + devtest.Database(t), "REDIS_URL=" + devtest.Redis(t)}, "none")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	var answered, stopped, closed atomic.Bool
	var monitor *health.Monitor
	built := make(chan struct{})
	options := Options{Settings: s, Log: slog.New(slog.DiscardHandler), Build: func(p *Process) (*Service, error) {
		monitor = p.Health
		close(built)
		app := p.NewApp(nil, fiber.DefaultErrorHandler)
		app.Get("/slow", func(c *fiber.Ctx) error {
			close(entered)
			<-release
			answered.Store(true)
			return c.SendString("done")
		})
		return &Service{
			App: app, Health: p.NewHealth(nil),
			Stop: func(context.Context) error {
				if !answered.Load() || p.DB.PingContext(t.Context()) != nil {
					t.Error("the service stops before the last request, or after the pools")
				}
				stopped.Store(true)
				return nil
			},
			Close: func() { closed.Store(stopped.Load()) },
		}, nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, options, listener) }()
	<-built
	devtest.Eventually(t, "it is ready", func() bool { return monitor.State() == health.Ready })
	status := make(chan int, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String() + "/slow")
		if err != nil {
			status <- 0
			return
		}
		defer response.Body.Close()
		status <- response.StatusCode
	}()
	<-entered
	stop()
	devtest.Eventually(t, "it drains", func() bool { return monitor.State() == health.Draining })
	time.Sleep(50 * time.Millisecond)
	if stopped.Load() {
		t.Error("the service has stopped while a request is under way")
	}
	close(release)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request got %d", got)
	}
	if err := <-ended; err != nil || !closed.Load() {
		t.Errorf("ended with %v, closed %t", err, closed.Load())
	}
}
