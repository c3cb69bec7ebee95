package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// Twenty clients share two connections to PostgreSQL, which change hands after
// each transaction.
func TestTopology_WorksBehindAPgBouncerWithAPoolOfTwo(t *testing.T) {
	t.Parallel()
	const clients, rounds = 20, 10
	through := devtest.PgBouncer(t, devtest.Database(t))
	s := startOn(t, through, devtest.Redis(t), "DATABASE_PREPARED=false", "WRITE_BEHIND_INTERVAL=1s", "SIGN_IN_ADDRESS_LIMIT=1000")
	ids := s.products(s.category("Lamps"), clients)
	people := make([]*client, clients)
	for i := range people {
		people[i] = s.signedIn(fmt.Sprintf("person%d", i), services.Admin)
	}
	var all sync.WaitGroup
	for i, person := range people {
		path := fmt.Sprintf("/api/v1/products/%d", ids[i])
		all.Go(func() {
			for round := range int64(rounds) {
				expect := func(got answer, status int) {
					if got.status != status {
						t.Errorf("client %d, round %d: %d %s", i, round, got.status, got.body)
					}
				}
				expect(person.send(http.MethodPatch, path, fmt.Sprintf(`{"priceCents":%d}`, round)), http.StatusOK)
				expect(person.setStock(path, round), http.StatusAccepted)
				expect(person.get("/api/v1/products?limit=7"), http.StatusOK)
				if got := decode[services.Product](person.get(path)); got.PriceCents != round || got.Stock != round {
					t.Errorf("client %d wrote %d and reads %d and %d", i, round, got.PriceCents, got.Stock)
				}
			}
			if got := person.send(http.MethodPost, path+"/reviews", `{"rating":5,"body":"Bright."}`); got.status != http.StatusCreated {
				t.Errorf("client %d reviews: %d %s", i, got.status, got.body)
			}
		})
	}
	all.Wait()
	devtest.Eventually(t, "all stock is stored", func() bool {
		return len(s.ids("SELECT product_id FROM stock WHERE quantity = $1", rounds-1)) == clients
	})
	if n := len(s.ids("SELECT id FROM reviews")); n != clients {
		t.Errorf("%d reviews are stored", n)
	}
}

func TestTopology_ReplicaGivesExportsAndNothingElse(t *testing.T) {
	t.Parallel()
	primary := devtest.OwnPostgres(t)
	follower := devtest.Replica(t, primary)
	s := startOn(t, primary.URL, devtest.Redis(t), "DATABASE_REPLICA_URL="+follower.URL, "WRITE_BEHIND_INTERVAL=1h")
	admin, path := s.admin(), s.product()
	s.manyProducts()
	devtest.Eventually(t, "the replica has the products", func() bool {
		var n int
		err := s.exports.GetContext(t.Context(), &n, "SELECT count(*) FROM products")
		return err == nil && n == manyProducts+1
	})

	export, _ := admin.export("ndjson")
	if there, here := s.exportsRunning(), s.ids("SELECT count(*) " + runningExports)[0]; there != 1 || here != 0 {
		t.Errorf("%d exports run on the replica, %d on the primary", there, here)
	}
	_ = export.conn.Close()
	s.exec("DELETE FROM products WHERE description <> 'Bright.'")

	// A write is in the writer's next export, stored or not; and it is in all else too,
	// even while the replica replays nothing.
	for i, paused := range []bool{false, true} {
		if paused {
			if _, err := s.exports.ExecContext(t.Context(), "SELECT pg_wal_replay_pause()"); err != nil {
				t.Fatal(err)
			}
		}
		name := fmt.Sprintf("Torch %d", i)
		admin.send(http.MethodPatch, path, `{"name":"`+name+`"}`).want(http.StatusOK)
		admin.send(http.MethodPut, path+"/stock", fmt.Sprintf(`{"quantity":%d}`, 7+i)).want(http.StatusAccepted)
		for _, c := range []*client{admin, s.visitor()} {
			if p := decode[services.Product](c.get(path).want(http.StatusOK)); p.Name != name || p.Stock != int64(7+i) {
				t.Errorf("paused %t: the product is %+v", paused, p)
			}
			if list := c.get(productsPath, "Cache-Control", "no-cache").want(http.StatusOK); !strings.Contains(string(list.body), name) {
				t.Errorf("paused %t: the list is %s", paused, list.body)
			}
		}
		whole := decode[struct{ Items []services.ExportedProduct }](admin.get(exportPath + "json").want(http.StatusOK))
		if len(whole.Items) != 1 || whole.Items[0].Name != name || whole.Items[0].Stock != int64(7+i) {
			t.Errorf("paused %t: the export is %+v", paused, whole.Items)
		}
	}
}

func TestTopology_ReplicaAwayIsNamedAndStopsNothing(t *testing.T) {
	t.Parallel()
	primary := devtest.OwnPostgres(t)
	follower := devtest.Replica(t, primary)
	s := startOn(t, primary.URL, devtest.Redis(t), "DATABASE_REPLICA_URL="+follower.URL)
	admin, path := s.admin(), s.product()
	if h := s.visitor().get("/health").want(http.StatusOK); !strings.Contains(string(h.body), `"replica":"ok"`) {
		t.Errorf("/health says %s", h.body)
	}
	follower.Stop()
	wantDown(s, "replica", `{"degraded":["replica"],"status":"ready"}`)
	if got := admin.get(exportPath + "csv").want(http.StatusOK); !strings.Contains(string(got.body), "Lamp 1") {
		t.Errorf("the export is %s", got.body)
	}
	s.visitor().get(path).want(http.StatusOK)

	other := startOn(t, primary.URL, devtest.Redis(t), "DATABASE_REPLICA_URL="+follower.URL) // starts without it
	other.visitor().get(path).want(http.StatusOK)

	follower.Start()
	devtest.Eventually(t, "the replica is found again", func() bool { return s.visitor().get("/health").status == http.StatusOK })
}
