package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/prefab/services"
)

type productPage struct {
	Items      []services.ProductSummary
	NextCursor string
}

type productBatch struct {
	Items []services.Product
}

const productsPath = "/api/v1/products"

func (p productPage) ids() (ids []int64) {
	for _, item := range p.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func (p productBatch) ids() (ids []int64) {
	for _, item := range p.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// list joins ids with commas.
func list(ids ...int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

func TestList_IsAPageOfSummariesInOneQuery(t *testing.T) {
	s := start(t)
	lamps := s.category("Lamps")
	ids := s.products(lamps, 25)

	page := decode[productPage](s.visitor().get(productsPath).want(http.StatusOK).queries(1))
	if !slices.Equal(page.ids(), ids[:20]) {
		t.Errorf("got %v, want the newest 20 of %v", page.ids(), ids)
	}
	want := services.ProductSummary{ID: ids[0], Name: "Lamp 25", PriceCents: 2500, Category: services.Category{ID: lamps, Name: "Lamps"}}
	if page.Items[0] != want {
		t.Errorf("got %+v, want %+v", page.Items[0], want)
	}
	if page.NextCursor == "" {
		t.Error("there are more, and no cursor")
	}
}

func TestList_OfAnEmptyCatalogueIsAnEmptyArray(t *testing.T) {
	s := start(t)
	for _, path := range []string{productsPath, productsPath + "?category=7", productsPath + "?ids=1"} {
		if body := string(s.visitor().get(path).want(http.StatusOK).body); body != `{"items":[]}` {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// pages follows the cursors from path on, and calls between after each page.
func pages(c *client, path string, between func()) (ids []int64) {
	c.s.t.Helper()
	for cursor := ""; ; {
		page := decode[productPage](c.get(path + cursor).want(http.StatusOK))
		ids = append(ids, page.ids()...)
		if page.NextCursor == "" {
			return ids
		}
		if len(page.Items) == 0 {
			c.s.t.Fatal("an empty page has a cursor")
		}
		cursor = "&after=" + page.NextCursor
		between()
	}
}

func TestList_CursorsLeadThroughAllWithoutGapOrRepeat(t *testing.T) {
	s := start(t)
	ids := s.products(s.category("Lamps"), 50)
	for _, limit := range []int{1, 7, 10, 25, 49, 50, 100} {
		path := fmt.Sprintf("%s?limit=%d", productsPath, limit)
		if got := pages(s.visitor(), path, func() {}); !slices.Equal(got, ids) {
			t.Errorf("limit %d: got %v, want %v", limit, got, ids)
		}
	}
}

func TestList_CursorsHoldWhileProductsComeAndGo(t *testing.T) {
	s := start(t)
	lamps := s.category("Lamps")
	ids := s.products(lamps, 30)
	gone := ids[29]
	got := pages(s.visitor(), productsPath+"?limit=4", func() {
		s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('New', 1, $1)", lamps)
		s.exec("UPDATE products SET active = false WHERE id = $1", gone)
	})
	if !slices.Equal(got, ids[:29]) {
		t.Errorf("got %v, want those of the start without the last: %v", got, ids)
	}
}

func TestList_FiltersByCategory(t *testing.T) {
	s := start(t)
	lamps, chairs := s.category("Lamps"), s.category("Chairs")
	lampIDs := s.products(lamps, 12)
	s.products(chairs, 12)
	path := fmt.Sprintf("%s?limit=5&category=%d", productsPath, lamps)
	if got := pages(s.visitor(), path, func() {}); !slices.Equal(got, lampIDs) {
		t.Errorf("got %v, want %v", got, lampIDs)
	}
	s.visitor().get(path + "1").want(http.StatusOK).queries(1) // another limit, which is not cached yet
}

func TestList_AndCountLeaveInactiveOnesOut(t *testing.T) {
	s := start(t)
	ids := s.products(s.category("Lamps"), 4)
	s.exec("UPDATE products SET active = false WHERE id = $1", ids[1])

	page := decode[productPage](s.visitor().get(productsPath).want(http.StatusOK))
	if want := []int64{ids[0], ids[2], ids[3]}; !slices.Equal(page.ids(), want) {
		t.Errorf("got %v, want %v", page.ids(), want)
	}
	count := s.visitor().get(productsPath + "/count").want(http.StatusOK).queries(1)
	if string(count.body) != `{"active":3}` {
		t.Errorf("the count is %s", count.body)
	}
}

func TestList_RefusesWhatItCannotRead(t *testing.T) {
	s := start(t)
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=101": "limit", "limit=-1": "limit", "limit=abc": "limit", "limit=1e1": "limit",
		"limit=05": "limit", "limit=%2B5": "limit", "limit=99999999999999999999": "limit", "limit=1%00": "limit",
		"category=0": "category", "category=-1": "category", "category=lamps": "category", "category=1.5": "category",
		"category=9223372036854775808": "category", "category=%00": "category", "category=%ff": "category",
		"after=x": "after", "after=AAAAAAAAAAAAAAAAAAAAAA": "after", "after=%00": "after",
		"after=__________________________": "after", "after=_____________________w": "after", // before 1970
		"after=f_________8AAAAAAAAAAQ":       "after", // a time that PostgreSQL does not know
		"after=AAZMJ3Jk8AAAAAAAAAAAKh":       "after", // bits left over
		"after=AAZMJ3Jk8AAAAAAAAAAAKg==":     "after", // padding
		"after=" + strings.Repeat("A", 4000): "after", // far too long
		"ids=":                               "ids", "ids=1,": "ids", "ids=,": "ids", "ids=a": "ids", "ids=0": "ids", "ids=-1": "ids", "ids=1,,2": "ids",
		"ids=1;2": "ids", "ids=1%202": "ids", "ids=%2B1": "ids", "ids=01": "ids", "ids=1e3": "ids",
		"ids=9223372036854775808": "ids", "ids=1%00": "ids",
		"ids=1&limit=5": "limit", "ids=1&after=x": "after", "ids=1&category=1": "category",
	} {
		s.visitor().get(productsPath + "?" + query).invalid(field)
	}
}

func TestBatch_KeepsTheOrderAsked(t *testing.T) {
	s := start(t)
	ids := s.products(s.category("Lamps"), 5)
	hidden, absent := ids[4], int64(999_999)
	s.exec("UPDATE products SET active = false WHERE id = $1", hidden)

	query := list(ids[2], ids[0], absent, ids[2], hidden, ids[1], ids[0])
	// An empty parameter counts as none.
	batch := decode[productBatch](s.visitor().get(productsPath + "?limit=&after=&ids=" + query).want(http.StatusOK))
	if want := []int64{ids[2], ids[0], ids[1]}; !slices.Equal(batch.ids(), want) {
		t.Errorf("got %v, want %v: each once, without the absent and the hidden one", batch.ids(), want)
	}
}

func TestBatch_OfAHundredTakesOneQuery(t *testing.T) {
	s := start(t)
	author := s.user("max", services.Member)
	ids := s.products(s.category("Lamps"), 101)
	s.exec("INSERT INTO reviews (product_id, user_id, rating, body) SELECT id, $1, 4, 'Good.' FROM products", author.ID)

	batch := decode[productBatch](s.visitor().get(productsPath + "?ids=" + list(ids[:100]...)).want(http.StatusOK).queries(1))
	if !slices.Equal(batch.ids(), ids[:100]) {
		t.Errorf("got %d products", len(batch.Items))
	}
	for _, p := range batch.Items {
		if len(p.Reviews) != 1 || p.Reviews[0].Author != "max" || p.Rating != (services.Rating{Average: 4, Count: 1}) {
			t.Fatalf("product %d has the reviews %+v and the rating %+v", p.ID, p.Reviews, p.Rating)
		}
	}
	s.visitor().get(productsPath + "?ids=" + list(ids...)).invalid("ids")
}
