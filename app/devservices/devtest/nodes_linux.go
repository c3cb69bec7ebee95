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

func (r redisNodes) freePort() string {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// start starts a node on the port, with these arguments and the usual ones.
func (r redisNodes) start(port string, arguments ...string) (address string) {
	r.t.Helper()
	address = net.JoinHostPort("127.0.0.1", port)
	command := exec.Command("redis-server", append(arguments, "--port", port, "--bind", "127.0.0.1", "--dir", r.t.TempDir(),
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
	r.await(address, "PONG", "PING")
	return address
}

// Signal sends a signal to the node of that address.
func (r redisNodes) Signal(address string, sig syscall.Signal) {
	r.t.Helper()
	if err := r.processes[address].Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// await repeats a command until the node's answer has the text in it, and returns the
// answer. An error is no answer: Sentinels cut the connections of a node that they promote.
func (r redisNodes) await(address, text string, command ...any) string {
	r.t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: address, MaxRetries: -1})
	defer client.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Do(context.Background(), command...).Result()
		if said := fmt.Sprint(answer); err == nil && strings.Contains(said, text) {
			return said
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("Redis at %s answers %v with %v, %v; want %q", address, command, answer, err, text)
		}
	}
}
