package app_test

import (
	"fmt"
	"net/http"
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
	s := startOn(t, through, redisOf(t), "DATABASE_PREPARED=false", "WRITE_BEHIND_INTERVAL=1s", "SIGN_IN_ADDRESS_LIMIT=1000",
		"CACHE_BUDGET=5s") // on a busy machine Redis may take longer than the default, and the stock is what is stored then
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
	eventually(t, "all stock is stored", func() bool {
		return len(s.ids("SELECT product_id FROM stock WHERE quantity = $1", rounds-1)) == clients
	})
	if n := len(s.ids("SELECT id FROM reviews")); n != clients {
		t.Errorf("%d reviews are stored", n)
	}
}
