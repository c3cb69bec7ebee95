package redisclient

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Once is a client that sends a SET or a script once. go-redis sends a command again
// when no answer came in time. The first one may then arrive seconds after the second
// was answered, and undo a later write.
type Once struct {
	redis.UniversalClient
	Budget time.Duration // of a GET or SET, for callers that set no deadline; 0: none
}

// Get is limited by the Budget.
func (o Once) Get(ctx context.Context, key string) *redis.StringCmd {
	ctx, cancel := o.withBudget(ctx)
	defer cancel()
	return o.UniversalClient.Get(ctx, key)
}

// Set is limited by the Budget. It keeps the time to live to the millisecond.
func (o Once) Set(ctx context.Context, key string, value any, ttl time.Duration) *redis.StatusCmd {
	ctx, cancel := o.withBudget(ctx)
	defer cancel()
	arguments := []any{"set", key, value}
	if ttl > 0 {
		arguments = append(arguments, "px", ttl.Milliseconds())
	}
	return once(ctx, o, redis.NewStatusCmd(ctx, arguments...), redis.NewStatusCmd(ctx))
}

// Eval sends the script once.
func (o Once) Eval(ctx context.Context, script string, keys []string, arguments ...any) *redis.Cmd {
	return o.run(ctx, "eval", script, keys, arguments)
}

// EvalSha sends the script once.
func (o Once) EvalSha(ctx context.Context, sha1 string, keys []string, arguments ...any) *redis.Cmd {
	return o.run(ctx, "evalsha", sha1, keys, arguments)
}

func (o Once) withBudget(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Budget == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, o.Budget)
}

func (o Once) run(ctx context.Context, name, script string, keys []string, arguments []any) *redis.Cmd {
	line := []any{name, script, len(keys)}
	for _, key := range keys {
		line = append(line, key)
	}
	command := redis.NewCmd(ctx, append(line, arguments...)...)
	if len(keys) > 0 {
		command.SetFirstKeyPos(3) // a Cluster finds the node by this key
	}
	return once(ctx, o, command, redis.NewCmd(ctx))
}

// once returns the command, or failed with the error: a late answer may still write to the
// command.
func once[C redis.Cmder](ctx context.Context, o Once, command, failed C) C {
	if err := o.Process(ctx, noRetry{command}); err != nil {
		failed.SetErr(err)
		return failed
	}
	return command
}

type noRetry struct{ redis.Cmder }

// NoRetry makes go-redis send the command once.
func (noRetry) NoRetry() bool { return true }
