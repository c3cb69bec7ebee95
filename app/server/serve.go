package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/app/prefork"
	"example.com/prefab/services/health"
)

// serveAndDrain serves until ctx ends or the listener fails. Then it stops, in this order:
// readiness, so that balancers send no more requests; HTTP, whose requests may need
// everything else; the service. The caller closes the pools.
func (p *Process) serveAndDrain(ctx context.Context, listener net.Listener, service *Service) error {
	s, log := p.Settings, p.Log
	accepting := make(chan error, 1)
	accept := func() { go func() { accepting <- service.App.Listener(listener) }() }
	worker := p.reporting.isWorker
	if !worker {
		accept() // a single process answers that it is starting
	}
	failure := p.awaitServers(ctx)
	started, replaced := failure == nil, false
	if !started && worker {
		accepting <- nil // it never accepted: the drain must not wait for it
	}
	if started {
		if service.Start != nil {
			service.Start(ctx)
		}
		p.Health.Enter(health.Ready)
		if p.reporting.report != nil {
			defer publishHealth(service.Health.Report, p.reporting.report)()
		}
		if worker {
			accept() // only now: until then the other workers serve all connections
			failure = p.reporting.ready()
		}
		log.Info("serving", "address", listener.Addr().String())
		select {
		case err := <-accepting:
			failure = fmt.Errorf("the listener failed: %w", cmp.Or(err, net.ErrClosed))
			accepting <- nil // the drain receives from it again
		case <-ctx.Done():
		}
		if replaced = errors.Is(context.Cause(ctx), prefork.ErrReplaced); !replaced {
			p.Health.Enter(health.Draining) // not after a failed start: all routes would be served
		}
	}

	log.Info("draining", "delay", s.ShutdownDelay, "timeout", s.ShutdownTimeout, "replaced", replaced)
	if failure == nil && !replaced { // other workers go on if this one is replaced: no balancer has to notice
		time.Sleep(s.ShutdownDelay)
	}
	p.closing.Store(true)
	_ = listener.Close()
	failure = errors.Join(failure, <-accepting) // from now on fasthttp's count includes every accepted connection
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
