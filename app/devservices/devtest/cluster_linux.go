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
		c.do(address, "CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1)
		c.do(address, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
	}
	all := slices.Concat(c.Masters, c.Replicas)
	for _, address := range all[1:] {
		host, port, _ := net.SplitHostPort(address)
		c.do(c.Masters[0], "CLUSTER", "MEET", host, port, strconv.Itoa(busPort(port)))
	}
	c.await("the nodes have met", func() bool { return c.all(all, fmt.Sprintf("cluster_known_nodes:%d", len(all))) })
	for i, address := range c.Replicas {
		id := fmt.Sprint(c.do(c.Masters[i], "CLUSTER", "MYID"))
		c.await("a replica has one to follow", func() bool { return c.try(address, "CLUSTER", "REPLICATE", id) == nil })
	}
	c.await("the cluster is whole", func() bool { return c.all(all, "cluster_state:ok") })
	for _, address := range c.Replicas {
		c.await("the replica follows", func() bool {
			return c.says(address, "master_link_status:up", "INFO", "replication")
		})
	}
	return c
}

// busPort is where nodes talk to each other. Free ports are above 32768 on Linux.
func busPort(port string) int {
	n, _ := strconv.Atoi(port)
	return n - 20000
}

// launch starts a node on a free port.
func (c *RedisCluster) launch() (address string) {
	c.t.Helper()
	return c.start(func(port string) []string {
		return []string{
			"--port", port, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(busPort(port)),
			"--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf",
		}
	})
}

func (c *RedisCluster) all(nodes []string, say string) bool {
	for _, address := range nodes {
		if !c.says(address, say, "CLUSTER", "INFO") {
			return false
		}
	}
	return true
}
