package devtest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redisNodes are Redis servers of one test on the loopback interface, which end
// with the test.
type redisNodes struct {
	t         testing.TB
	processes map[string]*exec.Cmd // by address
}

func newRedisNodes(t testing.TB) redisNodes {
	return redisNodes{t: t, processes: make(map[string]*exec.Cmd)}
}

// start starts a node on a free port, with these arguments and the usual ones.
func (r redisNodes) start(arguments func(port string) []string) (address string) {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	address = listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	command := exec.Command("redis-server", append(arguments(port), "--bind", "127.0.0.1", "--dir", r.t.TempDir(),
		"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		r.t.Fatalf("start a Redis: %v", err)
	}
	r.processes[address] = command
	r.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	r.await("a node answers", func() bool { return r.try(address, "PING") == nil })
	return address
}

// Signal sends a signal to the node of that address.
func (r redisNodes) Signal(address string, sig syscall.Signal) {
	r.t.Helper()
	if err := r.processes[address].Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

func (r redisNodes) ask(address string, command ...any) (any, error) {
	client := goredis.NewClient(&goredis.Options{Addr: address, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return client.Do(context.WithoutCancel(r.t.Context()), command...).Result()
}

func (r redisNodes) try(address string, command ...any) error {
	_, err := r.ask(address, command...)
	return err
}

func (r redisNodes) do(address string, command ...any) any {
	r.t.Helper()
	answer, err := r.ask(address, command...)
	if err != nil {
		r.t.Fatalf("%v: %v", command, err)
	}
	return answer
}

// says reports whether the node answers, and with this text. For a moment it may
// not: Sentinels cut the connections of a node that they promote.
func (r redisNodes) says(address, text string, command ...any) bool {
	answer, err := r.ask(address, command...)
	return err == nil && strings.Contains(fmt.Sprint(answer), text)
}

func (r redisNodes) await(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("still not true: %s", what)
		}
	}
}
