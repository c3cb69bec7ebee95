package writebehind_test

import (
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestFlush_AfterAFailoverToAReplicaThatLaggedLeavesWhatIsStored(t *testing.T) {
	servers, database := devtest.Sentinels(t), newTable(t, devtest.EmptyDatabase(t))
	before := newFixtureOn(t, database, "redis://"+servers.Master)
	s := newFixtureOn(t, database, "redis://"+servers.Replica)
	before.put(1, 1111)
	if n := before.client.Do(t.Context(), "WAIT", 1, 10_000).Val(); n != int64(1) {
		t.Fatalf("%v replicas have it", n)
	}
	if err := s.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil { // as a Sentinel does later
		t.Fatal(err)
	}
	before.flush()
	before.put(1, 2222)
	before.flush()
	servers.Signal(servers.Master, syscall.SIGKILL)
	s.wantWaiting(1, 0)
	s.flush()
	s.wantDropped(2222)
}
