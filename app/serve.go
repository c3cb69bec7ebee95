package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/jobs"
	"example.com/prefab/services"
)

// serve listens, waits for start, and runs the server and the jobs until ctx ends
// or the listener breaks. Then it takes all down in this order: readiness, so
// that balancers look away; HTTP, whose requests may need everything else; jobs.
// Pools are the caller's, and close last.
func serve(
	ctx context.Context, cfg Config, listener net.Listener, start func() error,
	server *fiber.App, runner *jobs.Runner, health *services.Health, log *slog.Logger,
) error {
	broken := make(chan error, 1)
	go func() { broken <- server.Listener(listener) }()
	failure := start()
	if failure == nil {
		runner.Start()
		health.Enter(services.Ready)
		log.Info("serving", "address", listener.Addr().String())
		select {
		case err := <-broken:
			failure = fmt.Errorf("the listener broke: %w", cmp.Or(err, net.ErrClosed))
			broken <- nil
		case <-ctx.Done():
		}
		health.Enter(services.Draining) // and never after a start that failed: it opens the routes
	}

	log.Info("draining", "delay", cfg.ShutdownDelay, "timeout", cfg.ShutdownTimeout)
	if failure == nil {
		time.Sleep(cfg.ShutdownDelay)
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	if err := server.ShutdownWithContext(limit); err != nil && !errors.Is(err, net.ErrClosed) {
		failure = errors.Join(failure, fmt.Errorf("drain HTTP: %w", err))
	}
	_ = listener.Close() // Shutdown misses it where Listener had not got to it yet
	failure = errors.Join(failure, runner.Stop(limit), <-broken)
	log.Info("drained")
	return failure
}
