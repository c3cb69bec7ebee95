package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every answer that the document lists for an operation is one that a client can
// really get. 500 and 503 have tests of their own: a server must break for them.
func TestContract_EveryDocumentedAnswerIsReal(t *testing.T) {
	s := start(t, "BODY_LIMIT=1024", "SIGN_IN_LIMIT=10")
	visitor, member, admin := s.visitor(), s.member(), s.admin()
	lamps := s.category("Lamps")
	s.products(lamps, 3)
	const (
		one     = productsPath + "/1"
		absent  = productsPath + "/999999"
		bad     = productsPath + "/0"
		stale   = `"999-0"`
		unknown = `{"unknown":1}`
	)
	newProduct := `{"name":"Lamp","priceCents":1,"categoryId":` + strconv.FormatInt(lamps, 10) + `}`
	large := `{"name":"` + strings.Repeat("x", 1100) + `"}`
	form := append(slices.Clone(asBrowser), "Content-Type", formType)
	sheet := style.FindString(string(visitor.page("/").body))
	etag := visitor.get(one).want(http.StatusOK).header.Get("ETag")

	seen := make(map[string]bool)
	for _, c := range []struct {
		status       int
		by           *client
		method, path string
		body         string
		header       []string
	}{
		{200, visitor, "GET", productsPath, "", nil},
		{200, visitor, "GET", productsPath + "?ids=3,1", "", nil},
		{304, visitor, "GET", productsPath, "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", productsPath + "?limit=0", "", nil},

		{201, admin, "POST", productsPath, newProduct, nil},
		{400, admin, "POST", productsPath, "{", nil},
		{401, visitor, "POST", productsPath, newProduct, nil},
		{403, member, "POST", productsPath, newProduct, nil},
		{413, admin, "POST", productsPath, large, nil},
		{415, admin, "POST", productsPath, newProduct, []string{"Content-Type", "text/plain"}},
		{422, admin, "POST", productsPath, unknown, nil},

		{200, visitor, "GET", productsPath + "/count", "", nil},
		{304, visitor, "GET", productsPath + "/count", "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", productsPath + "/count?unknown=1", "", nil},

		{200, admin, "GET", productsPath + "/export", "", nil},
		{200, admin, "GET", productsPath + "/export?format=ndjson", "", nil},
		{200, admin, "GET", productsPath + "/export?format=csv", "", nil},
		{401, visitor, "GET", productsPath + "/export", "", nil},
		{403, member, "GET", productsPath + "/export", "", nil},
		{422, admin, "GET", productsPath + "/export?format=xml", "", nil},

		{200, visitor, "GET", one, "", nil},
		{304, visitor, "GET", one, "", []string{"If-None-Match", etag}},
		{404, visitor, "GET", absent, "", nil},
		{422, visitor, "GET", bad, "", nil},

		{200, admin, "PATCH", one, `{"name":"New"}`, nil},
		{400, admin, "PATCH", one, "{", nil},
		{401, visitor, "PATCH", one, `{}`, nil},
		{403, member, "PATCH", one, `{}`, nil},
		{404, admin, "PATCH", absent, `{}`, nil},
		{412, admin, "PATCH", one, `{}`, []string{"If-Match", stale}},
		{413, admin, "PATCH", one, large, nil},
		{415, admin, "PATCH", one, `{}`, []string{"Content-Type", "text/plain"}},
		{422, admin, "PATCH", one, unknown, nil},

		{202, admin, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{400, admin, "PUT", one + "/stock", "{", nil},
		{401, visitor, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{403, member, "PUT", one + "/stock", `{"quantity":1}`, nil},
		{404, admin, "PUT", absent + "/stock", `{"quantity":1}`, nil},
		{413, admin, "PUT", one + "/stock", large, nil},
		{415, admin, "PUT", one + "/stock", `{"quantity":1}`, []string{"Content-Type", "text/plain"}},
		{422, admin, "PUT", one + "/stock", unknown, nil},

		{201, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{409, member, "POST", one + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{400, member, "POST", one + "/reviews", "{", nil},
		{401, visitor, "POST", one + "/reviews", `{}`, nil},
		{403, member, "POST", one + "/reviews", `{}`, []string{"Sec-Fetch-Site", "cross-site"}},
		{404, member, "POST", absent + "/reviews", `{"rating":5,"body":"Good."}`, nil},
		{413, member, "POST", one + "/reviews", large, nil},
		{415, member, "POST", one + "/reviews", `{}`, []string{"Content-Type", "text/plain"}},
		{422, member, "POST", one + "/reviews", unknown, nil},

		{200, visitor, "GET", "/", "", nil},
		{304, visitor, "GET", "/", "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", "/?category=x", "", asBrowser},
		{200, visitor, "GET", "/products/1", "", nil},
		{304, visitor, "GET", "/products/1", "", []string{"If-None-Match", "*"}},
		{404, visitor, "GET", "/products/999999", "", asBrowser},
		{422, visitor, "GET", "/products/0", "", asBrowser},

		{303, visitor, "GET", "/products/1/reviews", "", nil},
		{422, visitor, "GET", "/products/0/reviews", "", nil},
		{303, visitor, "GET", "/products/1/stock", "", nil},
		{422, visitor, "GET", "/products/0/stock", "", nil},
		{401, visitor, "POST", "/products/1/reviews", "rating=5&body=Good.", form},
		{403, member, "POST", "/products/1/reviews", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{415, member, "POST", "/products/1/reviews", `{"rating":5,"body":"Good."}`, nil},
		{400, member, "POST", "/products/1/reviews", "%", form},
		{413, member, "POST", "/products/1/reviews", large, form},
		{404, member, "POST", "/products/999999/reviews", "rating=5&body=Good.", form},
		{422, member, "POST", "/products/1/reviews", "rating=6", form},
		{303, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", form},
		{409, admin, "POST", "/products/1/reviews", "rating=5&body=Good.", form},

		{200, admin, "GET", "/products/1/edit", "", asBrowser},
		{303, visitor, "GET", "/products/1/edit", "", asBrowser},
		{401, visitor, "GET", "/products/1/edit", "", nil},
		{403, member, "GET", "/products/1/edit", "", nil},
		{404, admin, "GET", "/products/999999/edit", "", nil},
		{422, admin, "GET", "/products/0/edit", "", nil},
		{303, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", form},
		{412, admin, "POST", "/products/2/edit", "version=1&name=Lamp&price=1.5&categoryId=1", form},
		{400, admin, "POST", "/products/2/edit", "version=x", form},
		{401, visitor, "POST", "/products/2/edit", "", form},
		{403, member, "POST", "/products/2/edit", "", form},
		{404, admin, "POST", "/products/999999/edit", "version=1&name=Lamp&price=1.5&categoryId=1", form},
		{413, admin, "POST", "/products/2/edit", large, form},
		{415, admin, "POST", "/products/2/edit", "{}", nil},
		{422, admin, "POST", "/products/2/edit", "version=2&name=", form},

		{303, admin, "POST", "/products/2/stock", "quantity=5", form},
		{400, admin, "POST", "/products/2/stock", "%", form},
		{401, visitor, "POST", "/products/2/stock", "", form},
		{403, member, "POST", "/products/2/stock", "", form},
		{404, admin, "POST", "/products/999999/stock", "quantity=5", form},
		{413, admin, "POST", "/products/2/stock", large, form},
		{415, admin, "POST", "/products/2/stock", "{}", nil},
		{422, admin, "POST", "/products/2/stock", "quantity=-1", form},

		{200, visitor, "GET", "/login", "", nil},
		{304, visitor, "GET", "/login", "", []string{"If-None-Match", "*"}},
		{303, member, "GET", "/login", "", nil},
		{422, visitor, "GET", "/login?next=/&next=/", "", nil},
		{400, visitor, "POST", "/login", "%", form},
		{401, visitor, "POST", "/login", "email=x&password=x", form},
		{403, visitor, "POST", "/login", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{413, visitor, "POST", "/login", large, form},
		{415, visitor, "POST", "/login", "{}", nil},
		{429, visitor, "POST", "/login", "email=blocked@people.example&password=wrong", form},
		{303, s.visitor(), "POST", "/login", "email=max@people.example&password=" + url.QueryEscape(password), form},
		{403, visitor, "POST", "/logout", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{303, visitor, "POST", "/logout", "", nil},
		{200, visitor, "GET", sheet, "", nil},
		{304, visitor, "GET", sheet, "", []string{"If-None-Match", "*"}},
		{404, visitor, "GET", "/static/none.css", "", nil},
		{200, visitor, "GET", "/favicon.ico", "", nil},
		{304, visitor, "GET", "/favicon.ico", "", []string{"If-None-Match", "*"}},
		{200, visitor, "GET", "/robots.txt", "", nil},
		{304, visitor, "GET", "/robots.txt", "", []string{"If-None-Match", "*"}},

		{401, visitor, "DELETE", one, "", nil},
		{403, member, "DELETE", one, "", nil},
		{404, admin, "DELETE", absent, "", nil},
		{412, admin, "DELETE", one, "", []string{"If-Match", stale}},
		{422, admin, "DELETE", bad, "", nil},
		{204, admin, "DELETE", one, "", nil},

		{200, admin, "GET", sessionPath, "", nil},
		{401, visitor, "GET", sessionPath, "", nil},
		{422, admin, "GET", sessionPath + "?unknown=1", "", nil},
		{422, admin, "DELETE", sessionPath + "?unknown=1", "", nil},
		{200, visitor, "POST", sessionPath, `{"email":"max@people.example","password":"` + password + `"}`, nil},
		{400, visitor, "POST", sessionPath, "{", nil},
		{403, visitor, "POST", sessionPath, `{}`, []string{"Sec-Fetch-Site", "cross-site"}},
		{413, visitor, "POST", sessionPath, large, nil},
		{415, visitor, "POST", sessionPath, `{}`, []string{"Content-Type", "text/plain"}},
		{422, visitor, "POST", sessionPath, unknown, nil},
		{401, visitor, "POST", sessionPath, `{"email":"max@people.example","password":"wrong"}`, nil},
		{429, s.blocked(), "POST", sessionPath, `{"email":"blocked@people.example","password":"wrong"}`, nil},
		{403, member, "DELETE", sessionPath, "", []string{"Sec-Fetch-Site", "cross-site"}},
		{204, member, "DELETE", sessionPath, "", nil},

		{200, visitor, "GET", "/health", "", nil},
		{200, visitor, "GET", "/health/live", "", nil},
		{200, visitor, "GET", "/health/ready", "", nil},
		{200, visitor, "GET", "/openapi.json", "", nil},
		{304, visitor, "GET", "/openapi.json", "", []string{"If-None-Match", "*"}},
	} {
		// That the answer is as the document says, the client checks.
		if got := c.by.send(c.method, c.path, c.body, c.header...); got.status != c.status {
			t.Errorf("%s: %d, want %d: %s", got.asked, got.status, c.status, got.body)
		}
		path, _, _ := strings.Cut(c.path, "?")
		if op, ok := theSpec(t).operation(c.method, path); ok {
			seen[op.at+"/responses/"+strconv.Itoa(c.status)] = true
		}
	}
	for _, op := range theSpec(t).operations {
		for status := range theSpec(t).object(op.at + "/responses") {
			if !seen[op.at+"/responses/"+status] && status != "500" && status != "503" && status != "default" {
				t.Errorf("%s %s: %s is documented, and was not got", op.method, op.path, status)
			}
		}
	}
}

// blocked returns a client who has tried to sign in too often.
func (s *service) blocked() *client {
	s.t.Helper()
	c := s.visitor()
	for range 10 {
		c.signIn("blocked"+emailDomain, "wrong").want(http.StatusUnauthorized)
	}
	return c
}
