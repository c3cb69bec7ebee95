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

// shelves is a store of categories.
type shelves struct {
	list  []services.Category
	asked int
}

func (s *shelves) List(context.Context, int) ([]services.Category, error) {
	s.asked++
	return s.list, nil
}

// No route changes them, so nothing tells of a change: they are cached for a minute.
func TestCachedCategories_AreAskedForOnceAMinute(t *testing.T) {
	const kept = "test:cache:{categories}:e:categories:100"
	store, client := &shelves{list: make([]services.Category, 1)}, devtest.RedisClient(t, devtest.Redis(t))
	values := newCache(t, client)
	cached := repositories.NewCachedCategories(store, values, repositories.CacheTimes{TTL: time.Hour})
	list := func() int {
		got, err := cached.List(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(got)
	}
	devtest.Eventually(t, "Redis has them", func() bool { list(); return client.Exists(t.Context(), kept).Val() == 1 })
	if left := client.PTTL(t.Context(), kept).Val(); left > time.Minute {
		t.Errorf("they are kept for %v", left)
	}
	devtest.Eventually(t, "the store is asked no more", func() bool { asked := store.asked; list(); return store.asked == asked })
	store.list = make([]services.Category, 2)
	if err := values.Invalidate(t.Context(), repositories.CategoriesTag); err != nil || list() != 2 {
		t.Errorf("after a write: %d, %v", list(), err)
	}
}
