package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
)

// redisStartTimeout is short: without Redis public pages can be served, so a node
// that starts during its outage is better than none.
const redisStartTimeout = 3 * time.Second

// pingTimeout is for one ping: the next one may find another way than a
// connection that swallows everything.
const pingTimeout = 2 * time.Second

type ping func(context.Context) error

// awaitServers returns when the process can serve. PostgreSQL must answer.
func (p *Process) awaitServers(ctx context.Context) error {
	timeout := p.Settings.StartTimeout
	if err := await(ctx, timeout, "PostgreSQL", p.DB.PingContext, p.Log); err != nil {
		return err
	}
	err := await(ctx, min(timeout, redisStartTimeout), "Redis", p.pingRedis, p.Log)
	if err != nil && ctx.Err() == nil && !refused(err) {
		p.Log.Warn("Redis does not answer: serving without cache, sessions and write-behind until it does", "error", err)
		return nil
	}
	return err
}

// await pings a server until it answers, since a service and its servers often
// start together. A refusal ends it at once.
func await(ctx context.Context, timeout time.Duration, server string, p ping, log *slog.Logger) error {
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for first := true; ; first = false {
		err := pingOnce(limit, p)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case refused(err):
			return fmt.Errorf("%s refuses the connection: %w", server, err)
		case first:
			log.Info("waiting for "+server, "for", timeout, "error", err)
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s did not answer within %s: %w", server, timeout, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func pingOnce(ctx context.Context, p ping) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return p(ctx)
}

// refused reports whether a server has refused the user, the password or the
// database: to ask again does not help.
func refused(err error) bool { return postgres.IsRefused(err) || redisclient.IsRefused(err) }
