package app_test

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

// Whatever the service does with Redis it does with a Cluster: sessions, the limit
// of sign-ins, both caches, the buffer of writes and the locks of jobs.
func TestTopology_WorksOnARedisCluster(t *testing.T) {
	t.Parallel()
	url := devtest.Cluster(t, 0).URL
	a, b := two(t, devtest.Database(t), url, "WRITE_BEHIND_INTERVAL=1s")
	path := a.product()
	admin := a.admin()
	for _, s := range []*service{a, b} {
		s.visitor().get(path).want(http.StatusOK)
		s.visitor().get("/api/v1/products").want(http.StatusOK)
	}
	admin.send(http.MethodPatch, path, `{"name":"Torch"}`).want(http.StatusOK)
	devtest.Eventually(t, "the other instance has the new name", func() bool {
		return strings.Contains(string(b.visitor().get(path).body), "Torch") &&
			strings.Contains(string(b.visitor().get("/api/v1/products").body), "Torch")
	})
	admin.send(http.MethodPut, path+"/stock", `{"quantity":4321}`).want(http.StatusAccepted)
	admin.get(path).want(http.StatusOK)
	devtest.Eventually(t, "PostgreSQL has the new stock", func() bool {
		return len(a.ids("SELECT product_id FROM stock WHERE quantity = 4321")) == 1
	})
	devtest.Eventually(t, "the other instance has the new stock", func() bool {
		return strings.Contains(string(b.visitor().get(path).body), "4321")
	})
	admin.send(http.MethodDelete, "/api/v1/session", "").want(http.StatusNoContent)
	if health := a.visitor().get("/health"); health.status != http.StatusOK || !strings.Contains(string(health.body), `"buffered"`) {
		t.Errorf("/health says %s", health.body)
	}
}

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
	devtest.Eventually(t, "stock is taken again, by the session of before", func() bool {
		s.visitor().get(path).want(http.StatusOK)
		return admin.setStock(path, 4321).status == http.StatusAccepted
	})
	devtest.Eventually(t, "PostgreSQL has the new stock", func() bool {
		return len(s.ids("SELECT product_id FROM stock WHERE quantity = 4321")) == 1
	})
	devtest.Eventually(t, "Redis is well", func() bool { return s.visitor().get("/health").status == http.StatusOK })
}
