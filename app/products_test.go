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

// newCategory adds a category with a name that no other has.
func (s *service) newCategory() int64 {
	s.t.Helper()
	return s.category(s.t.Name() + time.Now().String())
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
	return fmt.Sprintf("%s/%d", productsPath, s.products(s.newCategory(), 1)[0])
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

type productBatch struct{ Items []services.Product }

const productsPath = "/api/v1/products"

// list joins ids with commas.
func list(ids ...int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

func TestList_CursorsLeadThroughAllWithoutGapOrRepeat(t *testing.T) {
	s := shared(t)
	category := s.newCategory()
	want := s.products(category, 25)
	path := fmt.Sprintf("%s?category=%d", productsPath, category)
	var got []int64
	for next := "&limit=7"; next != ""; {
		page := decode[productPage](s.visitor().get(path + next).want(http.StatusOK))
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		if next = ""; page.NextCursor != "" {
			next = "&limit=7&after=" + page.NextCursor
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	page := decode[productPage](s.visitor().get(path))
	if len(page.Items) != 20 || page.Items[0].Name != "Lamp 25" || page.Items[0].PriceCents != 2500 {
		t.Errorf("without a limit got %d items, the first is %+v", len(page.Items), page.Items[0])
	}
	for _, query := range []string{"?category=999999999", "?ids=999999999"} {
		if body := string(s.visitor().get(productsPath + query).want(http.StatusOK).body); body != `{"items":[]}` {
			t.Errorf("%s: %s", query, body)
		}
	}
}

// The order of the batch, services show.
func TestBatch_GivesTheProductsAskedFor(t *testing.T) {
	s := shared(t)
	ids := s.products(s.newCategory(), 2)
	query := "?limit=&after=&ids=" + list(ids[1], ids[0]) // an empty parameter counts as none
	got := decode[productBatch](s.visitor().get(productsPath + query).want(http.StatusOK)).Items
	if len(got) != 2 || got[0].ID != ids[1] {
		t.Errorf("got %+v, want %v and before it %v", got, ids[0], ids[1])
	}
	for query, field := range map[string]string{
		"ids=1&limit=5": "limit", "ids=1&after=x": "after", "ids=1&category=1": "category", "ids=1&q=x": "q", "ids=": "ids",
		"after=f_________8AAAAAAAAAAQ": "after", // a time that PostgreSQL does not know
	} {
		s.visitor().get(productsPath + "?" + query).invalid(field)
	}
}

// More queries than these would be an N+1, or a cache that is not used.
func TestReads_TakeFewQueries(t *testing.T) {
	s := shared(t)
	member, category := s.member(), s.newCategory()
	ids := s.products(category, 100)
	s.exec("INSERT INTO reviews (product_id, user_id, rating, body) SELECT id, $1, 4, 'Good.' FROM products WHERE category_id = $2",
		member.user.ID, category)
	page := fmt.Sprintf("/products/%d", ids[0])
	product, ofCategory := "/api/v1"+page, fmt.Sprintf("?category=%d", category)
	for _, read := range []struct {
		by      *client
		path    string
		queries int
	}{
		{s.visitor(), productsPath + ofCategory, 1},
		{s.visitor(), productsPath + "?ids=" + list(ids...), 1},
		{s.visitor(), product, 1},
		{s.visitor(), page, 0}, // has the same values
		{member, page, 2},      // the user; whether they have reviewed it
		{member, product, 0},
	} {
		read.by.get(read.path).want(http.StatusOK).queries(read.queries)
	}
	s.visitor().get(productsPath + "/count")
	s.visitor().get("/" + ofCategory)
	for _, path := range []string{product, productsPath + ofCategory, productsPath + "/count", page, "/" + ofCategory} {
		s.visitor().get(path).want(http.StatusOK).queries(0)
		// Past the HTTP cache, the two-level one.
		s.visitor().get(path, "Cache-Control", "no-cache").want(http.StatusOK).queries(0)
		s.visitor().get(path, "Authorization", "Bearer x").want(http.StatusOK).queries(0)
	}
	s.admin().setStock(product, 7).want(http.StatusAccepted) // readers take the waiting stock from Redis
	if p := decode[services.Product](s.visitor().get(product).queries(0)); p.Stock != 7 || len(p.Reviews) != 1 {
		t.Errorf("got %+v", p)
	}
}
