package repositories_test

import (
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func TestInvalidatingReviewers_TakeTheirReviewsFromCachedProducts(t *testing.T) {
	db := open(t, devtest.Database(t), true)
	values := newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	ada, id := newUser(t, db, "ada@example.com"), newProduct(t, db, "a cup")
	if _, err := repositories.NewReviews(db).Create(t.Context(), id, ada, 5, "Good."); err != nil {
		t.Fatal(err)
	}
	products := repositories.NewCachedProducts(repositories.NewProducts(db), values, repositories.CacheTimes{TTL: time.Hour})
	reviews := func() int {
		t.Helper()
		product, err := products.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return len(product.Reviews)
	}
	if n := reviews(); n != 1 {
		t.Fatalf("the product has %d reviews", n)
	}
	var users services.UserStore = repositories.NewInvalidatingReviewers(repositories.NewUsers(db), db, values)
	if err := users.Delete(t.Context(), ada.ID, 0); err != nil {
		t.Fatal(err)
	}
	if n := reviews(); n != 0 {
		t.Errorf("after the deletion the product has %d reviews", n)
	}
}
