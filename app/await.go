package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/redisclient"
)

// redisPatience is short: without Redis public pages can be served, so a node
// that starts during its outage is better than none.
const redisPatience = 3 * time.Second

// askPatience is for one ping: the next one may find another way than a
// connection that swallows everything.
const askPatience = 2 * time.Second

type ping func(context.Context) error

// awaitServers returns when the process can serve. PostgreSQL has to be there.
func awaitServers(ctx context.Context, cfg Config, postgres, redis ping, log *slog.Logger) error {
	if err := await(ctx, cfg.StartTimeout, "PostgreSQL", postgres, log); err != nil {
		return err
	}
	err := await(ctx, min(cfg.StartTimeout, redisPatience), "Redis", redis, log)
	if err != nil && ctx.Err() == nil && !refused(err) {
		log.Warn("Redis is away: serving what does without it", "error", err)
		return nil
	}
	return err
}

// await pings a server until it answers, since a service and its servers often
// start together. A refusal ends it at once.
func await(ctx context.Context, patience time.Duration, server string, ask ping, log *slog.Logger) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for first := true; ; first = false {
		err := askOnce(limit, ask)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case refused(err):
			return fmt.Errorf("%s refuses us: %w", server, err)
		case first:
			log.Info("waiting for "+server, "for", patience, "error", err)
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%s did not answer within %s: %w", server, patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func askOnce(ctx context.Context, ask ping) error {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	return ask(ctx)
}

// refused reports whether a server has refused the user, the password or the
// database: to ask again does not help.
func refused(err error) bool { return postgres.IsRefused(err) || redisclient.IsRefused(err) }
