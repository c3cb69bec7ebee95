package writebehind_test

import (
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestFlush_AfterAFailoverToAReplicaThatLaggedLeavesWhatIsStored(t *testing.T) {
	servers := devtest.Sentinels(t)
	database := newCatalogue(t, devtest.Database(t), 1)
	before := newShelfOn(t, database, "redis://"+servers.Master)
	f := newForgetful(t, database, "redis://"+servers.Replica)
	before.put(1, 1111)
	if n := before.client.Do(t.Context(), "WAIT", 1, 10_000).Val(); n != int64(1) {
		t.Fatalf("%v replicas have it", n)
	}
	if err := f.client.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil { // as a Sentinel does, a little later
		t.Fatal(err)
	}
	before.flush()
	before.put(1, 2222)
	before.flush()
	servers.Signal(servers.Master, syscall.SIGKILL)

	f.waits(1, 0)
	f.flush()
	f.dropped(1, 2222)
}
