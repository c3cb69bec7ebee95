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

	sentinels []string
	redisNodes
}

// Failover has the replica made master while the master lives, and returns when it is.
func (s *RedisSentinels) Failover() {
	s.t.Helper()
	s.await(s.sentinels[0], "OK", "SENTINEL", "FAILOVER", "main")
	s.await(s.Replica, "role:master", "INFO", "replication")
}

// Sentinels starts them. A master that is away for two seconds is replaced.
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
