package server

import (
	"context"
	"errors"
	"net"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/prefork"
)

// ErrInterrupted says that a second interrupt ended the service at once.
var ErrInterrupted = prefork.ErrInterrupted

// Run serves in one of three roles: as a single process or, with PREFORK, as the supervisor
// or as one of its workers.
func Run(ctx context.Context, o Options) error {
	if prefork.IsWorker() {
		return o.runWorker(ctx)
	}
	if err := o.Settings.checkPorts(ctx); err != nil {
		return err
	}
	embedded := o.Settings.DatabaseURL == ""
	stop, err := o.startEmbedded(ctx, true)
	if err != nil {
		return err
	}
	defer stop()
	err = o.withDatabase(ctx, func(ctx context.Context, db *sqlx.DB) error { return o.Prepare(ctx, db, embedded) })
	if err != nil {
		return err
	}
	listener, err := o.Settings.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if embedded && o.Welcome != nil {
		o.Welcome("http://" + listener.Addr().String())
	}
	if o.Settings.Preforks() {
		err := o.supervise(ctx, listener)
		if !errors.Is(err, prefork.ErrUnsupported) {
			return err
		}
		o.Log.Warn("prefork is not supported on this platform; running a single process")
		o.Settings.Prefork = new(false)
	}
	limitMemory(1, memlimit.FromCgroup, o.Log)
	return o.openAndServe(ctx, listener, &Process{admin: true})
}

// Serve runs one process without the admin listener. It closes the listener when ctx ends.
// Until PostgreSQL answers, only the health routes serve.
func Serve(ctx context.Context, o Options, listener net.Listener) error {
	return o.openAndServe(ctx, listener, new(Process))
}
