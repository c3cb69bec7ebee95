package repositories_test

import (
	"context"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
	"example.com/prefab/services"
)

func names(categories []services.Category) (names []string) {
	for _, c := range categories {
		names = append(names, c.Name)
	}
	return names
}

func TestCategoriesList_IsByNameAndBounded(t *testing.T) {
	everyWay(t, func(t *testing.T, db *sqlx.DB) {
		store := repositories.NewCategories(db)
		if none, err := store.List(t.Context(), 3); err != nil || none == nil || len(none) > 0 {
			t.Errorf("an empty table gives %v, %v", none, err)
		}
		lamps := newCategory(t, db, "Lamps")
		for _, name := range []string{"Tools", "Chairs", "Garden"} {
			newCategory(t, db, name)
		}
		got, err := store.List(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "the names", names(got), []string{"Chairs", "Garden", "Lamps"})
		if got[2].ID != lamps {
			t.Errorf("the id is %d, want %d", got[2].ID, lamps)
		}
	})
}

// shelves is a store of categories that may be away.
type shelves struct {
	list  []services.Category
	err   error
	asked int
}

func (s *shelves) List(context.Context, int) ([]services.Category, error) {
	s.asked++
	return s.list, s.err
}

func TestCachedCategories_AreAskedForOnceAndOutliveTheStore(t *testing.T) {
	store := &shelves{list: []services.Category{{ID: 1, Name: "Lamps"}}}
	values := newCache(t, devtest.RedisClient(t, devtest.Redis(t)))
	cached := repositories.NewCachedCategories(store, values, anHour)
	for range 3 {
		if got, err := cached.List(t.Context(), 100); err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if store.asked != 1 {
		t.Errorf("the store was asked %d times", store.asked)
	}
	if err := values.Invalidate(t.Context(), repositories.CategoriesTag); err != nil {
		t.Fatal(err)
	}
	store.list = append(store.list, services.Category{ID: 2, Name: "Tools"})
	if got, err := cached.List(t.Context(), 100); err != nil || len(got) != 2 {
		t.Errorf("after a write: %v, %v", got, err)
	}
}

// No route changes them, so nothing tells of a change.
func TestCachedCategories_AreKeptForAMinuteHoweverLongOthersAre(t *testing.T) {
	const kept = "test:cache:{categories}:e:categories:100"
	client := devtest.RedisClient(t, devtest.Redis(t))
	cached := repositories.NewCachedCategories(&shelves{}, newCache(t, client), repositories.CacheTimes{TTL: time.Hour})
	devtest.Eventually(t, "Redis has them", func() bool {
		if _, err := cached.List(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		return len(client.Keys(t.Context(), kept).Val()) > 0
	})
	for _, key := range client.Keys(t.Context(), kept).Val() {
		if left := client.PTTL(t.Context(), key).Val(); left > time.Minute {
			t.Errorf("%s is kept for %v", key, left)
		}
	}
}
