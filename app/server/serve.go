package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/prefork"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
	"example.com/prefab/services/health"
)

// serveAndDrain serves until ctx ends or the listener fails. Then it stops, in this order:
// readiness, so that balancers send no more requests; HTTP, whose requests may need
// everything else; the service. The caller closes the pools.
func (p *Process) serveAndDrain(ctx context.Context, listener net.Listener, service *Service) error {
	s, log := p.Settings, p.Log
	serving, end := context.WithCancelCause(ctx)
	var accepting sync.WaitGroup
	accept := func() {
		accepting.Go(func() {
			err := service.App.Listener(listener)
			end(fmt.Errorf("the listener failed: %w", cmp.Or(err, net.ErrClosed)))
		})
	}
	if p.worker == nil {
		accept() // a single process answers that it is starting
	}
	failure := p.awaitServers(serving)
	started := failure == nil
	if started {
		if service.Start != nil {
			service.Start(serving)
		}
		p.Health.Enter(health.Ready)
		if p.worker != nil {
			defer p.report(service)()
			accept() // not earlier: it would take connections from workers that can serve them
			failure = p.worker.Ready()
		}
		log.Info("serving", "address", listener.Addr().String())
		<-serving.Done()
	}
	if serving.Err() != nil && ctx.Err() == nil {
		failure = context.Cause(serving)
	}
	replaced := errors.Is(context.Cause(ctx), prefork.ErrReplaced) // other workers go on: no balancer has to notice
	if started && !replaced {
		p.Health.Enter(health.Draining) // not after a failed start: all routes would be served
	}

	log.Info("draining", "delay", s.ShutdownDelay, "timeout", s.ShutdownTimeout, "replaced", replaced)
	if failure == nil && !replaced {
		time.Sleep(s.ShutdownDelay)
	}
	p.closing.Store(true)
	_ = listener.Close()
	accepting.Wait() // from now on fasthttp's count includes every accepted connection
	waitForLastResponses(service.App)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	defer cancel()
	if err := service.App.ShutdownWithContext(limit); err != nil && !errors.Is(err, net.ErrClosed) {
		failure = errors.Join(failure, fmt.Errorf("drain HTTP: %w", err))
	}
	if started && service.Stop != nil {
		failure = errors.Join(failure, service.Stop(limit))
	}
	log.Info("drained")
	return failure
}

// waitForLastResponses waits up to 500 ms for clients to read a response with
// Connection: close. Shutdown closes idle connections, and would lose a request that is
// on its way; a balancer's connections are busy, so few are left.
func waitForLastResponses(app *fiber.App) {
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		// fasthttp subtracts one for the listener, which is closed: none open reads as -1.
		if app.Server().GetOpenConnectionsCount() < 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const (
	redisStartTimeout = 3 * time.Second // short: without Redis, public pages can still be served
	pingTimeout       = 2 * time.Second // the next ping may avoid a connection that does not answer
)

// awaitServers returns when the process can serve. PostgreSQL must answer.
func (p *Process) awaitServers(ctx context.Context) error {
	timeout := p.Settings.StartTimeout
	if err := await(ctx, timeout, "PostgreSQL", p.DB.PingContext, p.Log); err != nil {
		return err
	}
	err := await(ctx, min(timeout, redisStartTimeout), "Redis", p.pingRedis, p.Log)
	if err != nil && ctx.Err() == nil && !isRefusal(err) {
		p.Log.Warn("Redis does not answer: serving without cache, sessions and write-behind until it does", "error", err)
		return nil
	}
	return err
}

// await pings a server until it answers, since a service and its servers often start
// together. It returns at once if the server refuses the user, the password or the database.
func await(
	ctx context.Context, timeout time.Duration, server string, ping func(context.Context) error, log *slog.Logger,
) error {
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for first := true; ; first = false {
		once, cancel := context.WithTimeout(limit, pingTimeout)
		err := ping(once)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case isRefusal(err):
			return fmt.Errorf("%s refuses the connection: %w", server, err)
		case first:
			log.Info("waiting for "+server, "for", timeout, "error", err)
		}
		select {
		case <-limit.Done():
			return cmp.Or(ctx.Err(), fmt.Errorf("%s did not answer within %s: %w", server, timeout, err))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func isRefusal(err error) bool { return postgres.IsRefused(err) || redisclient.IsRefused(err) }
