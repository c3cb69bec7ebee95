package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

func TestShow_GivesTheWholeProduct(t *testing.T) {
	s := start(t)
	path := s.product()
	s.exec("INSERT INTO stock (product_id, quantity) SELECT id, 7 FROM products")
	// 25 people give 1 to 5 stars, a minute apart.
	s.exec(`INSERT INTO users (email, name, password_hash) SELECT n || '@reviewers.example', 'Reviewer ' || n, ''
		FROM generate_series(1, 25) n`)
	s.exec(`INSERT INTO reviews (product_id, user_id, rating, body, created_at)
		SELECT p.id, u.id, 1 + u.id % 5, 'Body.', timestamptz '2026-02-01Z' + u.id * interval '1 min' FROM products p, users u`)

	p := decode[services.Product](s.visitor().get(path).want(http.StatusOK).queries(1)) // the product; its stock, which is cached apart
	if p.Name != "Lamp 1" || p.Description != "Bright." || p.PriceCents != 100 || p.Stock != 7 {
		t.Errorf("got %+v", p)
	}
	if want := (services.Rating{Average: 3, Count: 25}); p.Rating != want {
		t.Errorf("the rating is %v, want %v, of all reviews", p.Rating, want)
	}
	if len(p.Reviews) != 20 || p.Reviews[0].Author != "Reviewer 25" || p.Reviews[19].Author != "Reviewer 6" {
		t.Errorf("got %d reviews %v, want the newest 20", len(p.Reviews), p.Reviews)
	}
	if want := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC); !p.CreatedAt.Equal(want) {
		t.Errorf("created at %v, want %v", p.CreatedAt, want)
	}
}

func TestShow_TimesAreUTCWhereverTheDatabaseIs(t *testing.T) {
	database := devtest.Database(t)
	db := openDB(t, database)
	if _, err := db.Exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database()); END $$`); err != nil {
		t.Fatal(err)
	}
	s := startOn(t, database, redisOf(t))
	body := string(s.visitor().get(s.product()).want(http.StatusOK).body)
	if want := `"createdAt":"2026-01-01T00:00:00.123456Z"`; !strings.Contains(body, want) {
		t.Errorf("%s is not in %s", want, body)
	}
}

func TestShow_TakesPlainIDsOnly(t *testing.T) {
	s := start(t)
	s.product()
	for _, id := range []string{
		"0", "-1", "01", "1.0", "1e3", "abc", "1%20", "1,2", "9223372036854775808", "٣",
	} {
		s.visitor().get(productsPath + "/" + id).invalid("id")
	}
	s.visitor().get(productsPath + "/9223372036854775807").problem(http.StatusNotFound)
}

func TestShow_IfNoneMatch(t *testing.T) {
	s := start(t)
	path := s.product()
	first := s.visitor().get(path).want(http.StatusOK)
	etag := first.header.Get("ETag")
	for name, test := range map[string]struct {
		header string
		want   int
	}{
		"the ETag":          {etag, http.StatusNotModified},
		"a weak one":        {"W/" + etag, http.StatusNotModified},
		"in a list":         {`"1-0000000000000000", ` + etag + `, "x"`, http.StatusNotModified},
		"anything":          {"*", http.StatusNotModified},
		"another hash":      {`"1-0000000000000000"`, http.StatusOK},
		"the version alone": {`"1"`, http.StatusOK},
		"without quotes":    {strings.Trim(etag, `"`), http.StatusOK},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := s.visitor().send(method, path, "", "If-None-Match", test.header)
			if got.status != test.want || got.header.Get("ETag") != etag {
				t.Errorf("%s %s: %d with %s, want %d with %s", method, name, got.status, got.header.Get("ETag"), test.want, etag)
			}
		}
	}
	s.visitor().get(productsPath+"/999999", "If-None-Match", "*").want(http.StatusNotFound)
}

func TestShow_TheETagFollowsEverythingInTheBody(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	seen := map[string]string{s.visitor().get(path).header.Get("ETag"): "the start"}
	for _, change := range []struct{ name, method, path, body string }{
		{"a new name", "PATCH", path, `{"name":"Other"}`},
		{"a new stock", "PUT", path + "/stock", `{"quantity":3}`},
		{"a review", "POST", path + "/reviews", `{"rating":5,"body":"Good."}`},
	} {
		if got := admin.send(change.method, change.path, change.body); got.status >= 300 {
			t.Fatalf("%s: %d %s", change.name, got.status, got.body)
		}
		etag := s.visitor().get(path).want(http.StatusOK).header.Get("ETag")
		if before, ok := seen[etag]; ok {
			t.Errorf("after %s the ETag is that of %s", change.name, before)
		}
		seen[etag] = change.name
	}
}

func TestGET_AnswersHEADWithTheSameHeader(t *testing.T) {
	s := start(t)
	path := s.product()
	for _, path := range []string{path, productsPath, productsPath + "/count", "/health/live", "/openapi.json", productsPath + "/0"} {
		get, head := s.visitor().get(path), s.visitor().send(http.MethodHead, path, "")
		for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Cache-Control"} {
			if get.header.Get(name) != head.header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, with GET %q", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
		if head.status != get.status || len(head.body) > 0 || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) {
			t.Errorf("HEAD %s: %d with %d bytes", path, head.status, len(head.body))
		}
	}
}
