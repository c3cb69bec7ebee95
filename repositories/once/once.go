// Package once sends commands to Redis once. go-redis sends a command again when
// no answer came in time. Then the first one may still arrive, seconds after the
// second was answered, and undo what was done meanwhile.
package once

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Client is a client whose SET and scripts are sent once.
type Client struct {
	redis.UniversalClient
	Budget time.Duration // of a GET or SET, for callers that set no deadline; 0: none
}

// Get is part of redis.Cmdable.
func (c Client) Get(ctx context.Context, key string) *redis.StringCmd {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.UniversalClient.Get(ctx, key)
}

func (c Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Budget == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.Budget)
}

// Set is part of redis.Cmdable. It keeps the time to live to the millisecond.
func (c Client) Set(ctx context.Context, key string, value any, ttl time.Duration) *redis.StatusCmd {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	arguments := []any{"set", key, value}
	if ttl > 0 {
		arguments = append(arguments, "px", ttl.Milliseconds())
	}
	command := redis.NewStatusCmd(ctx, arguments...)
	if err := c.Process(ctx, unrepeated{command}); err != nil {
		command = redis.NewStatusCmd(ctx) // the other one may still be under way
		command.SetErr(err)
	}
	return command
}

// Eval is part of redis.Scripter.
func (c Client) Eval(ctx context.Context, script string, keys []string, arguments ...any) *redis.Cmd {
	return c.run(ctx, "eval", script, keys, arguments)
}

// EvalSha is part of redis.Scripter.
func (c Client) EvalSha(ctx context.Context, sha1 string, keys []string, arguments ...any) *redis.Cmd {
	return c.run(ctx, "evalsha", sha1, keys, arguments)
}

func (c Client) run(ctx context.Context, name, script string, keys []string, arguments []any) *redis.Cmd {
	line := []any{name, script, len(keys)}
	for _, key := range keys {
		line = append(line, key)
	}
	command := redis.NewCmd(ctx, append(line, arguments...)...)
	if len(keys) > 0 {
		command.SetFirstKeyPos(3) // tells the node of a Cluster
	}
	if err := c.Process(ctx, unrepeated{command}); err != nil {
		command = redis.NewCmd(ctx) // the other one may still be under way
		command.SetErr(err)
	}
	return command
}

type unrepeated struct{ redis.Cmder }

// NoRetry is part of redis.Cmder.
func (unrepeated) NoRetry() bool { return true }
