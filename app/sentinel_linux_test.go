package app_test

import (
	"net/http"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func TestTopology_GoesOnWhileSentinelsReplaceTheMaster(t *testing.T) {
	t.Parallel()
	servers := devtest.Sentinels(t)
	s := startOn(t, devtest.Database(t), servers.URL, "WRITE_BEHIND_INTERVAL=1s")
	admin, path := s.admin(), s.product()
	s.visitor().get(path).want(http.StatusOK)
	admin.setStock(path, 1).want(http.StatusAccepted)
	if n := s.redis.Do(t.Context(), "WAIT", 1, 10_000).Val(); n != int64(1) {
		t.Fatalf("%v replicas have it all", n)
	}

	servers.Signal(servers.Master, syscall.SIGKILL)
	eventually(t, "stock is taken again, by the session of before", func() bool {
		s.visitor().get(path).want(http.StatusOK)
		return admin.setStock(path, 4321).status == http.StatusAccepted
	})
	eventually(t, "PostgreSQL has the new stock", func() bool {
		return len(s.ids("SELECT product_id FROM stock WHERE quantity = 4321")) == 1
	})
	eventually(t, "Redis is well", func() bool { return s.visitor().get("/health").status == http.StatusOK })
}
