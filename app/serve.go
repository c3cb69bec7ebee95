package app

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

// phases are a process's work before it serves and after, beside HTTP.
type phases struct {
	start   func() error
	publish func() (stop func())        // its health, where start succeeded and before a supervisor hears that it is ready
	stop    func(context.Context) error // where start succeeded, once no request is under way
}

// serve listens, starts, and runs the server until ctx ends or the listener
// breaks. Then it takes all down in this order: readiness, so that balancers look
// away; HTTP, whose requests may need everything else; the rest. Pools are the
// caller's, and close last.
func (p *process) serve(ctx context.Context, listener net.Listener, server *fiber.App, beside phases) error {
	cfg, log := p.cfg, p.log
	broken := make(chan error, 1)
	accept := func() { go func() { broken <- server.Listener(listener) }() }
	if p.seat.ready == nil {
		accept() // alone: somebody should say that the service is starting
	}
	failure := beside.start()
	replaced := false
	if failure != nil {
		beside.stop = func(context.Context) error { return nil }
		if p.seat.ready != nil {
			broken <- nil
		}
	} else {
		p.health.Enter(health.Ready)
		defer beside.publish()()
		if p.seat.ready != nil {
			accept() // among others, which have taken what came meanwhile
			failure = p.seat.ready()
		}
		log.Info("serving", "address", listener.Addr().String())
		select {
		case err := <-broken:
			failure = fmt.Errorf("the listener broke: %w", cmp.Or(err, net.ErrClosed))
			broken <- nil
		case <-ctx.Done():
		}
		if replaced = errors.Is(context.Cause(ctx), prefork.ErrReplaced); !replaced {
			p.health.Enter(health.Draining) // and never after a start that failed: it opens the routes
		}
	}

	log.Info("draining", "delay", cfg.ShutdownDelay, "timeout", cfg.ShutdownTimeout, "replaced", replaced)
	if failure == nil && !replaced { // balancers need not look away from a service that goes on
		time.Sleep(cfg.ShutdownDelay)
	}
	p.closing.Store(true)
	_ = listener.Close()
	failure = errors.Join(failure, <-broken) // all that was accepted is counted from here on
	letGo(server)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	if err := server.ShutdownWithContext(limit); err != nil && !errors.Is(err, net.ErrClosed) {
		failure = errors.Join(failure, fmt.Errorf("drain HTTP: %w", err))
	}
	failure = errors.Join(failure, beside.stop(limit))
	log.Info("drained")
	return failure
}

// letGo waits a moment for clients to take an answer that says that it is their
// connection's last. Shutdown closes those that are idle, and a request that is
// on its way then is lost; what balancers keep is busy, so few are left.
func letGo(server *fiber.App) {
	for deadline := time.Now().Add(500 * time.Millisecond); time.Now().Before(deadline); {
		if server.Server().GetOpenConnectionsCount() < 0 { // it takes off one for listening, which is over
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
