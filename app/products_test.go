package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/prefab/services"
)

// category adds a category and returns its id.
func (s *service) category(name string) int64 {
	s.t.Helper()
	return s.ids("INSERT INTO categories (name) VALUES ($1) RETURNING id", name)[0]
}

// products adds n products of a category and returns their ids in the order of
// the list, the newest first. Three at a time have the same moment of creation.
func (s *service) products(category int64, n int) []int64 {
	s.t.Helper()
	s.exec(`INSERT INTO products (name, description, price_cents, category_id, created_at)
		SELECT 'Lamp ' || n, 'Bright.', n * 100, $1, timestamptz '2026-01-01 00:00:00.123456Z' + (n / 3) * interval '1 s'
		FROM generate_series(1, $2::int) n`, category, n)
	return s.ids("SELECT id FROM products WHERE category_id = $1 ORDER BY created_at DESC, id DESC", category)
}

// product adds one product and returns its path.
func (s *service) product() string {
	s.t.Helper()
	return fmt.Sprintf("/api/v1/products/%d", s.products(s.category(s.t.Name()+time.Now().String()), 1)[0])
}

// productPage adds a product and returns the path of its page.
func (s *service) productPage() string {
	s.t.Helper()
	return strings.TrimPrefix(s.product(), "/api/v1")
}

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
	for _, limit := range []int{7, 49, 50} {
		path := fmt.Sprintf("%s?limit=%d", productsPath, limit)
		if got := pages(s.visitor(), path, func() {}); !slices.Equal(got, ids) {
			t.Errorf("limit %d: got %v, want %v", limit, got, ids)
		}
	}
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
		"limit=0": "limit", "limit=101": "limit", "limit=abc": "limit", "category=0": "category", "category=lamps": "category", "after=x": "after",
		"after=f_________8AAAAAAAAAAQ": "after", // a time that PostgreSQL does not know
		"ids=":                         "ids", "ids=1,": "ids", "ids=a": "ids", "ids=0": "ids",
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
