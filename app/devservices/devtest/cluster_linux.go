package devtest

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
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
// as asked, none or one. A master that is away is replaced after two seconds.
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
