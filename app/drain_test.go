package app_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/services/health"
)

// A job may be what writes the last request's data, so it must not stop before.
func TestDrain_JobsRunUntilTheLastRequestIsAnswered(t *testing.T) {
	t.Parallel()
	cfg, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	logger := app.NewLogger(cfg, new(logged))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	server := fiber.New(fiber.Config{DisableStartupMessage: true})
	entered, release := make(chan struct{}), make(chan struct{})
	server.Get("/slow", func(c *fiber.Ctx) error {
		close(entered)
		<-release
		return c.SendString("done")
	})
	var runs atomic.Int64
	r := runner.New(runner.Options{Log: logger})
	r.Add(runner.Job{Name: "count", Every: time.Second, Timeout: time.Second, Run: func(context.Context) error {
		runs.Add(1)
		return nil
	}})

	ctx, stop := context.WithCancel(t.Context())
	life := health.New()
	ended := make(chan error, 1)
	go func() {
		ended <- app.Drive(ctx, cfg, listener, server, r, life, logger)
	}()
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
	eventually(t, "it drains", func() bool { return life.State() == health.Draining })
	before := runs.Load()
	eventually(t, "the job runs while a request is under way", func() bool { return runs.Load() > before+1 })
	close(release)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the request got %d", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
