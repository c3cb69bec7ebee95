package devtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RedisSentinels are three Sentinels that watch a master and its replica, on the
// loopback interface.
type RedisSentinels struct {
	URL             string
	Master, Replica string // their addresses, at the start

	redisNodes
}

// Sentinels starts them. A master that is away for a second is replaced.
func Sentinels(t testing.TB) *RedisSentinels {
	t.Helper()
	s := &RedisSentinels{redisNodes: newRedisNodes(t)}
	s.Master = s.start(func(port string) []string { return []string{"--port", port} })
	host, masterPort, _ := net.SplitHostPort(s.Master)
	s.Replica = s.start(func(port string) []string {
		return []string{"--port", port, "--replicaof", host + " " + masterPort}
	})
	s.await("the replica follows", func() bool {
		return strings.Contains(fmt.Sprint(s.do(s.Replica, "INFO", "replication")), "master_link_status:up")
	})
	const quorum = 2
	sentinels := make([]string, 3)
	for i := range sentinels {
		config := filepath.Join(t.TempDir(), "sentinel.conf") // which it writes to
		text := fmt.Sprintf("sentinel monitor main %s %s %d\n"+
			"sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 2000\n", host, masterPort, quorum)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sentinels[i] = s.start(func(port string) []string { return []string{config, "--sentinel", "--port", port} })
	}
	for _, address := range sentinels {
		s.await("a Sentinel knows of all", func() bool {
			info := fmt.Sprint(s.do(address, "INFO", "sentinel"))
			return strings.Contains(info, "status=ok") && strings.Contains(info, "slaves=1,sentinels=3")
		})
	}
	s.URL = fmt.Sprintf("redis-sentinel://%s?addr=%s&addr=%s&master_name=main", sentinels[0], sentinels[1], sentinels[2])
	return s
}
