package devtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// RedisCluster is a Redis Cluster of a test's own, on the loopback interface.
type RedisCluster struct {
	URL     string
	Masters []string // their addresses
	// Replicas are of the masters, in the same order; none unless they are asked for.
	Replicas []string

	redisNodes
}

// Cluster starts three masters that share the slots, each with as many replicas
// as asked, none or one. A master that is down is replaced after two seconds.
func Cluster(t testing.TB, replicas int) *RedisCluster {
	t.Helper()
	const masters, slots = 3, 16384
	c := &RedisCluster{redisNodes: newRedisNodes(t)}
	for range masters {
		c.Masters = append(c.Masters, c.launch())
	}
	for range masters * replicas {
		c.Replicas = append(c.Replicas, c.launch())
	}
	c.URL = "redis-cluster://" + c.Masters[0] + "?addr=" + strings.Join(c.Masters[1:], "&addr=")
	for i, address := range c.Masters {
		c.await(address, "OK", "CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		c.await(address, "OK", "CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	all := slices.Concat(c.Masters, c.Replicas)
	for _, address := range all[1:] {
		host, port, _ := net.SplitHostPort(address)
		c.await(c.Masters[0], "OK", "CLUSTER", "MEET", host, port, busPort(port))
	}
	for _, address := range all {
		c.await(address, fmt.Sprintf("cluster_known_nodes:%d", len(all)), "CLUSTER", "INFO")
	}
	for i, address := range c.Replicas {
		c.await(address, "OK", "CLUSTER", "REPLICATE", c.await(c.Masters[i], "", "CLUSTER", "MYID"))
	}
	for _, address := range all {
		c.await(address, "cluster_state:ok", "CLUSTER", "INFO")
	}
	for _, address := range c.Replicas {
		c.await(address, "master_link_status:up", "INFO", "replication")
	}
	return c
}

// busPort is where nodes talk to each other. Free ports are above 32768 on Linux.
func busPort(port string) string {
	n, _ := strconv.Atoi(port)
	return strconv.Itoa(n - 20000)
}

func (c *RedisCluster) launch() (address string) {
	c.t.Helper()
	port := c.freePort()
	return c.start(port, "--cluster-enabled", "yes", "--cluster-port", busPort(port),
		"--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf")
}

// RedisSentinels are three Sentinels that watch a master and its replica, on the
// loopback interface.
type RedisSentinels struct {
	URL             string
	Master, Replica string // their addresses, at the start

	sentinels []string
	redisNodes
}

// Failover has the replica made master while the master lives, and returns when it is.
func (s *RedisSentinels) Failover() {
	s.t.Helper()
	s.await(s.sentinels[0], "OK", "SENTINEL", "FAILOVER", "main")
	s.await(s.Replica, "role:master", "INFO", "replication")
}

// Sentinels starts them. A master that is down for two seconds is replaced.
func Sentinels(t testing.TB) *RedisSentinels {
	t.Helper()
	s := &RedisSentinels{redisNodes: newRedisNodes(t)}
	s.Master = s.start(s.freePort())
	host, port, _ := net.SplitHostPort(s.Master)
	s.Replica = s.start(s.freePort(), "--replicaof", host+" "+port)
	s.await(s.Replica, "master_link_status:up", "INFO", "replication")
	const quorum = 2
	for range 3 {
		config := filepath.Join(t.TempDir(), "sentinel.conf") // which it writes to
		text := fmt.Sprintf("sentinel monitor main %s %s %d\n"+
			"sentinel down-after-milliseconds main 2000\nsentinel failover-timeout main 2000\n", host, port, quorum)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.sentinels = append(s.sentinels, s.start(s.freePort(), config, "--sentinel"))
	}
	for _, address := range s.sentinels { // each knows of all
		s.await(address, "status=ok,", "INFO", "sentinel")
		s.await(address, "slaves=1,sentinels=3", "INFO", "sentinel")
	}
	s.URL = "redis-sentinel://" + s.sentinels[0] + "?addr=" + strings.Join(s.sentinels[1:], "&addr=") + "&master_name=main"
	return s
}

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
	arguments = append(arguments, "--port", port, "--bind", "127.0.0.1", "--dir", r.t.TempDir(),
		"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
	command := exec.Command("redis-server", arguments...)
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
