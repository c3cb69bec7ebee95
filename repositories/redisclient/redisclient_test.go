package redisclient_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories/redisclient"
)

func TestMain(m *testing.M) { devtest.Main(m) }

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisclient.Open(url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestOpen_HasLimits(t *testing.T) {
	o := open(t, "redis://localhost").(*redis.Client).Options()
	if !o.ContextTimeoutEnabled || o.PoolSize != 4 || o.MaxActiveConns != 4 || o.MaxRetries != 1 ||
		o.ReadTimeout > time.Second || o.WriteTimeout > time.Second || o.PoolTimeout > time.Second {
		t.Errorf("got %+v", o)
	}
}

func TestOpen_AClusterAndSentinels(t *testing.T) {
	cluster, ok := open(t, "rediss-cluster://u:p@one:1?addr=two:2&read_only=true").(*redis.ClusterClient)
	if !ok {
		t.Fatal("no client of a Cluster")
	}
	if o := cluster.Options(); o.ReadOnly || o.TLSConfig == nil || o.PoolSize != 4 || !o.ContextTimeoutEnabled ||
		len(o.Addrs) != 2 || o.Password != "p" {
		t.Errorf("got %+v", o)
	}
	sentinel, ok := open(t, "redis-sentinel://one:1/2?addr=two:2&master_name=main&replica_only=true").(*redis.Client)
	if !ok {
		t.Fatal("no client of a master")
	}
	if o := sentinel.Options(); o.DB != 2 || o.PoolSize != 4 || !o.ContextTimeoutEnabled {
		t.Errorf("got %+v", o)
	}
}

func TestOpen_RefusesABadURLWithoutQuotingIt(t *testing.T) {
	for _, url := range []string{
		"redis-cluster://", "redis-cluster://host:1/3", "redis-cluster://host:1?nonsense=1", "redis-cluster:///socket",
		"redis-sentinel://host:1", "redis-sentinel://host:1/x?master_name=main", "redis-other://host:1",
		"redis://host:1?nonsense=1", "http-cluster://host:1", "", "redis://host:1?%zz", "hunter2", "hunter2://127.0.0.1",
		"redis://ada:hunter2@127.0.0.1:port/0", "redis://ada:hunter2@a b/0", "redis://ada:hunter2%zz@127.0.0.1/0",
		"redis://ada:hunter2@127.0.0.1/hunter2",
	} {
		_, err := redisclient.Open(url, 1)
		check := redisclient.CheckURL(url)
		if err == nil || check == nil || strings.Contains(err.Error()+check.Error(), "hunter2") {
			t.Errorf("%s: opening it says %v, the check %v", url, err, check)
		}
	}
	for _, url := range []string{"redis://host", "rediss://u:p@host:1/2", "unix:///run/redis.sock?db=1"} {
		if err := redisclient.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	away := open(t, "redis://ada:hunter2@127.0.0.1:1/0")
	if err := redisclient.Ping(t.Context(), away); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("ping without a server: %v", err)
	}
}
