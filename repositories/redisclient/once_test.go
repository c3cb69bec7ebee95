package redisclient_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/redisclient"
)

const store = "return redis.call('SET', KEYS[1], ARGV[1])"

func TestOnce_SendsAWriteOnce(t *testing.T) {
	line := devtest.Slow(t, devtest.Redis(t))
	options, err := redis.ParseURL(line.URL)
	if err != nil {
		t.Fatal(err)
	}
	options.ReadTimeout, options.ContextTimeoutEnabled = 500*time.Millisecond, true
	plain := redis.NewClient(options)
	t.Cleanup(func() { _ = plain.Close() })
	client := redisclient.Once{UniversalClient: plain}
	sha, err := plain.ScriptLoad(t.Context(), store).Result()
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(value string) error{
		"SET":     func(value string) error { return client.Set(t.Context(), "key", value, time.Hour).Err() },
		"EVAL":    func(value string) error { return client.Eval(t.Context(), store, []string{"key"}, value).Err() },
		"EVALSHA": func(value string) error { return client.EvalSha(t.Context(), sha, []string{"key"}, value).Err() },
	} {
		if err := write(name); err != nil || plain.Get(t.Context(), "key").Val() != name {
			t.Errorf("%s: %v", name, err)
		}
		late := "late " + name
		release := line.Hold(t, devtest.Hold{Text: late, Pieces: 1}) // a second one would be answered
		if err := write(late); err == nil {
			t.Errorf("%s is sent again", name)
		}
		release()
	}
	line.Hold(t, devtest.Hold{Text: "late SET", Pieces: 1})
	if err := plain.Set(t.Context(), "key", "late SET", 0).Err(); err != nil {
		t.Errorf("a client that sends again: %v", err)
	}

	client.Budget = time.Millisecond
	line.Hang(devtest.ToClient, true)
	for name, err := range map[string]error{
		"GET": client.Get(t.Context(), "key").Err(), "SET": client.Set(t.Context(), "key", "value", 0).Err(),
	} {
		// The context's deadline is the connection's too, and either may be noticed first.
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s after the budget: %v", name, err)
		}
	}
}

func TestOnce_SetKeepsTheTimeToLive(t *testing.T) {
	plain := open(t, devtest.Redis(t))
	client := redisclient.Once{UniversalClient: plain}
	for ttl, least := range map[time.Duration]time.Duration{0: -1, time.Hour + time.Millisecond: time.Hour - time.Minute} {
		if err := client.Set(t.Context(), "key", "value", ttl).Err(); err != nil {
			t.Fatal(err)
		}
		if left := plain.PTTL(t.Context(), "key").Val(); left > ttl || left < least {
			t.Errorf("of %s are left %s", ttl, left)
		}
	}
}

// abandoning reports each command as timed out, and keeps it.
type abandoning struct {
	redis.UniversalClient
	sent redis.Cmder
}

func (a *abandoning) Process(_ context.Context, command redis.Cmder) error {
	a.sent = command
	return context.DeadlineExceeded
}

// Another goroutine may still write an answer to a command that has timed out.
func TestOnce_ReturnsNoCommandThatMayBeUnderWay(t *testing.T) {
	a := new(abandoning)
	command := redisclient.Once{UniversalClient: a}.Eval(t.Context(), store, []string{"key"}, "value")
	a.sent.SetErr(nil)
	if !errors.Is(command.Err(), context.DeadlineExceeded) {
		t.Error(command.Err())
	}
}
