package repositories_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"example.com/prefab/repositories"
)

func TestOpenRedis_TakesAClusterAndSentinels(t *testing.T) {
	cluster, ok := openRedis(t, "rediss-cluster://u:p@one:1?addr=two:2&read_only=true").(*redis.ClusterClient)
	if !ok {
		t.Fatal("no client of a Cluster")
	}
	if o := cluster.Options(); o.ReadOnly || o.TLSConfig == nil || o.PoolSize != 20 || !o.ContextTimeoutEnabled ||
		len(o.Addrs) != 2 || o.Password != "p" {
		t.Errorf("got %+v", o)
	}
	sentinel, ok := openRedis(t, "redis-sentinel://one:1/2?addr=two:2&master_name=main&replica_only=true").(*redis.Client)
	if !ok {
		t.Fatal("no client of a master")
	}
	if o := sentinel.Options(); o.DB != 2 || o.PoolSize != 20 || !o.ContextTimeoutEnabled {
		t.Errorf("got %+v", o)
	}
}

func TestCheckRedisURL_RefusesWhatCannotBeMeant(t *testing.T) {
	for _, url := range []string{
		"redis-cluster://", "redis-cluster://host:1/3", "redis-cluster://host:1?nonsense=1", "redis-cluster:///socket",
		"redis-sentinel://host:1", "redis-sentinel://host:1/x?master_name=main", "redis-other://host:1",
		"redis://host:1?nonsense=1", "http-cluster://host:1", "nonsense", "redis://host:1?%zz",
	} {
		if err := repositories.CheckRedisURL(url); err == nil {
			t.Errorf("%s was taken", url)
		}
	}
	for _, url := range []string{"redis://host", "rediss://u:p@host:1/2", "unix:///run/redis.sock?db=1"} {
		if err := repositories.CheckRedisURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}
