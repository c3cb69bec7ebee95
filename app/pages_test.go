package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// asBrowser is what browsers say of the types that they like.
var asBrowser = []string{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}

// page gets a page as a browser would.
func (c *client) page(path string, header ...string) answer {
	c.s.t.Helper()
	return c.get(path, append(asBrowser, header...)...)
}

// post sends a form, names and values in turn, as a browser would.
func (c *client) post(path string, fields ...string) answer {
	c.s.t.Helper()
	return c.send(http.MethodPost, path, encoded(fields...), append(asBrowser, "Content-Type", formType)...)
}

const formType = "application/x-www-form-urlencoded"

func encoded(fields ...string) string {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form.Encode()
}

// leads wants a redirect to the path.
func (a answer) leads(path string) {
	a.s.t.Helper()
	a.want(http.StatusSeeOther)
	if to := a.header.Get("Location"); to != path {
		a.s.t.Errorf("%s: leads to %q, want %q", a.asked, to, path)
	}
}

// shows wants the page to hold each of the texts.
func (a answer) shows(texts ...string) answer {
	a.s.t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		a.s.t.Fatalf("%s: %d is %s, want a page", a.asked, a.status, kind)
	}
	for _, text := range texts {
		if !strings.Contains(string(a.body), text) {
			a.s.t.Errorf("%s: %d does not show %q:\n%s", a.asked, a.status, text, a.body)
		}
	}
	return a
}

func (a answer) hides(texts ...string) answer {
	a.s.t.Helper()
	for _, text := range texts {
		if strings.Contains(string(a.body), text) {
			a.s.t.Errorf("%s: %d shows %q", a.asked, a.status, text)
		}
	}
	return a
}

// productPage adds a product and returns the path of its page.
func (s *service) productPage() string {
	s.t.Helper()
	return strings.TrimPrefix(s.product(), "/api/v1")
}

func TestPages_AreGivenFromTheCacheUntilAWrite(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.productPage()
	visit := func(path string) answer {
		t.Helper()
		s.visitor().page(path).want(http.StatusOK)
		again := s.visitor().page(path).want(http.StatusOK)
		if status := again.cacheStatus(); !strings.HasPrefix(status, "prefab; hit") {
			t.Errorf("%s: %s", path, status)
		}
		return again
	}
	visit("/").shows("Lamp 1", "€1.00")
	visit(product).shows("Lamp 1", "Sold out", "Nobody has written one yet.")

	edit := "1"
	admin.post(product+"/edit", "version", edit, "name", "Torch", "price", "12.5", "categoryId", "1", "description", "New").
		leads(product + "?done=product")
	visit("/").shows("Torch", "€12.50").hides("Lamp 1")
	visit(product).shows("Torch", "€12.50", "New")
	admin.post(product+"/stock", "quantity", "1200").leads(product + "?done=stock")
	visit(product).shows("1200 in stock")
	admin.post(product+"/reviews", "rating", "4", "body", "Bright\r\nenough.").leads(product + "?done=review")
	visit(product).shows("4.0 of 5", "from 1 review<", "★★★★☆", "Bright\nenough.", "<strong>ada</strong>")
}

func TestPages_TellSessionsApart(t *testing.T) {
	s := start(t)
	product := s.productPage()
	admin, member := s.admin(), s.member()
	for _, path := range []string{"/", product} {
		visitor := s.visitor().page(path).shows("Sign in").hides("Sign out")
		for _, c := range []struct {
			client *client
			name   string
		}{{admin, "ada"}, {member, "max"}} {
			got := c.client.page(path, "If-None-Match", visitor.header.Get("ETag")).want(http.StatusOK).
				shows("Sign out", c.name).hides("Sign in")
			if cache := got.header.Get("Cache-Control"); cache != "private, no-store" {
				t.Errorf("%s: Cache-Control is %q", path, cache)
			}
		}
		s.visitor().page(path).hides("Sign out", "ada", "max")
	}
	admin.page(product).shows(product + "/edit")
	member.page(product).hides(product+"/edit").shows("Your review", "textarea")
}

func TestPages_TakeNoMoreQueriesThanTheyShow(t *testing.T) {
	s := start(t)
	product := s.productPage()
	member := s.member()
	s.visitor().page("/").queries(2)     // the products; the categories
	s.visitor().page(product).queries(1) // the product
	member.page(product).queries(2)      // the user; whether they have reviewed it
	member.page("/").queries(0)
}

func TestCatalogue_FiltersAndPages(t *testing.T) {
	s := start(t)
	lamps, chairs := s.category("Lamps"), s.category("Chairs")
	ids := s.products(lamps, 50)
	s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Stool', 123456789, $1)", chairs)

	s.visitor().page("/").shows("<h1>All products</h1>", "Stool", "€1,234,567.89", `<a href="/" aria-current="true">All</a>`)
	chairsPath := fmt.Sprintf("/?category=%d", chairs)
	s.visitor().page(chairsPath).shows("<h1>Chairs</h1>", "Stool", `<a href="`+chairsPath+`" aria-current="true">Chairs</a>`).
		hides("Lamp 50", "Older", `aria-label="Pages"`, `<a href="/" aria-current`)
	s.visitor().page("/?category=999").want(http.StatusOK).shows("<h1>Products</h1>", "There is nothing here yet.")

	card := regexp.MustCompile(`<a href="/products/(\d+)">`)
	login := regexp.MustCompile(`href="/login\?next=([^"]+)"`)
	next := regexp.MustCompile(`<a class="next" href="([^"]+)"`)
	var seen []string
	path := fmt.Sprintf("/?category=%d", lamps)
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("the pages do not end")
		}
		got := s.visitor().page(path).want(http.StatusOK)
		if back, err := url.QueryUnescape(string(login.FindSubmatch(got.body)[1])); err != nil || back != path {
			t.Errorf("a sign-in leads from %s to %s, %v", path, back, err)
		}
		for _, link := range card.FindAllSubmatch(got.body, -1) {
			seen = append(seen, string(link[1]))
		}
		if (pages > 0) != strings.Contains(string(got.body), ">Newest<") {
			t.Errorf("page %d: the way back is not as it should be", pages)
		}
		link := next.FindSubmatch(got.body)
		if path = ""; link != nil {
			path = strings.ReplaceAll(string(link[1]), "&amp;", "&")
		}
	}
	if got := strings.Join(seen, ","); got != list(ids...) {
		t.Errorf("the pages show %s, want %s", got, list(ids...))
	}
}

func TestPages_ErrorsHaveTheTextOfTheProblems(t *testing.T) {
	s := start(t)
	product, member := s.productPage(), s.member()
	for _, c := range []struct {
		by     *client
		method string
		path   string
		status int
	}{
		{s.visitor(), "GET", "/products/999", 404},
		{s.visitor(), "GET", "/products/x", 422},
		{s.visitor(), "GET", "/?category=x", 422},
		{s.visitor(), "GET", "/?after=x", 422},
		{s.visitor(), "GET", "/nowhere", 404},
		{s.visitor(), "PUT", "/", 405},
		{s.visitor(), "POST", product + "/reviews", 401},
		{member, "GET", product + "/edit", 403},
		{member, "POST", product + "/edit", 403},
		{member, "POST", product + "/stock", 403},
	} {
		problem := c.by.send(c.method, c.path, "").problem(c.status)
		page := c.by.send(c.method, c.path, "", asBrowser...).want(c.status)
		page.shows(problem.Title, problem.Detail, page.header.Get("X-Request-Id"))
		for _, field := range problem.Errors {
			page.shows(field.Field, field.Message)
		}
		if vary := page.header.Get("Vary"); !strings.Contains(vary, "Accept") {
			t.Errorf("%s: Vary is %q", page.asked, vary)
		}
	}
	// Who is signed in stays so to be seen.
	for _, got := range []answer{
		member.page("/nowhere"), member.page("/products/999"), member.page("/products/x/reviews"), member.page("/products/x/stock"),
		member.page(product + "/edit"), member.send("PUT", "/", "", asBrowser...), member.send("POST", "/login", "", asBrowser...),
	} {
		got.shows("max", "Sign out")
	}
	// What programs ask for, and the API, stay as they are.
	s.visitor().page("/api/v1/products/999").problem(404)
	s.visitor().get("/nowhere", "Accept", "application/json, text/html;q=0.9").problem(404)
	s.visitor().get("/nowhere", "Accept", "*/*").problem(404)
	s.visitor().send("POST", "/login", "", append(asBrowser, "Sec-Fetch-Site", "cross-site")...).want(403).shows("another site")
}

func TestPages_AFaultOfOursIsAPageThatTellsNothing(t *testing.T) {
	s := start(t)
	s.faultsMeant = true
	product := s.productPage()
	s.exec("ALTER TABLE products RENAME TO hidden")
	for _, path := range []string{"/", product} {
		s.visitor().page(path).want(500).shows("Something went wrong.").hides("relation", "goroutine")
	}
}

func TestLogin_SignsInAndLeadsBack(t *testing.T) {
	s := start(t)
	user, product := s.user("max", services.Member), s.productPage()
	c := s.visitor()
	c.page(product).shows(`href="/login?next=%2fproducts%2f1"`)
	c.page("/login?next="+product).want(http.StatusOK).
		shows(`value="`+product+`"`, `type="password"`, `autocomplete="current-password"`, `autocomplete="username"`)
	c.post("/login", "email", user.Email, "password", "wrong", "next", product).want(http.StatusUnauthorized).
		shows(services.ErrBadCredentials.Message, `value="`+user.Email+`"`, `value="`+product+`"`).hides(`value="wrong"`)
	c.post("/login", "email", user.Email, "password", password, "next", product).leads(product)
	c.page(product).shows("max", "Sign out")
	c.page("/login?next=" + product).leads(product)
	c.post("/logout").leads("/")
	c.page(product).shows("Sign in").hides("max")
	c.post("/logout").leads("/")
	if keys := s.keys("prefab:session:*"); len(keys) > 0 {
		t.Errorf("Redis still keeps %v", keys)
	}
}

func TestLogin_LeadsNowhereElse(t *testing.T) {
	s := start(t)
	user := s.user("max", services.Member)
	c := s.visitor()
	c.signIn(user.Email, password).want(http.StatusOK)
	for _, elsewhere := range []string{"//evil.example", "https://evil.example", "/%2fevil.example%22", ""} {
		c.page("/login?next=" + elsewhere).leads("/")
		unescaped, err := url.QueryUnescape(elsewhere)
		if err != nil {
			t.Fatal(err)
		}
		s.visitor().post("/login", "email", user.Email, "password", password, "next", unescaped).leads("/")
	}
	c.page("/login?next=/%09/evil.example").want(http.StatusUnprocessableEntity)
}

func TestLogin_IsLimitedAsTheAPIIs(t *testing.T) {
	s := start(t, "SIGN_IN_LIMIT=2")
	c := s.visitor()
	for range 2 {
		c.post("/login", "email", "x"+emailDomain, "password", "wrong").want(http.StatusUnauthorized)
	}
	got := c.post("/login", "email", "x"+emailDomain, "password", "wrong").want(http.StatusTooManyRequests).shows("Too many attempts")
	if got.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	c.signIn("x"+emailDomain, "wrong").problem(http.StatusTooManyRequests)
}

func TestPages_WhoIsNotSignedInAnyMoreFindsTheWayBack(t *testing.T) {
	s := start(t)
	product := s.productPage()
	post := func(referer string) answer {
		return s.visitor().send("POST", product+"/reviews", "", append(asBrowser, "Content-Type", formType, "Referer", referer)...).
			want(http.StatusUnauthorized)
	}
	post(s.url + product + "?a=b").shows(`href="/login?next=%2fproducts%2f1%3fa%3db"`)
	for _, referer := range []string{"", "https://evil.example" + product, "x", "//", s.url + "//evil.example", "http://%zz"} {
		post(referer).shows(`href="/login?next=%2f"`)
	}
	s.visitor().page(product + "/reviews").leads(product)
	s.visitor().page(product + "/stock").leads(product + "/edit")
}

func TestEditPage_LeadsToTheLoginAndBack(t *testing.T) {
	s := start(t)
	product := s.productPage()
	s.visitor().send("HEAD", product+"/edit", "", asBrowser...).leads("/login?next=" + url.QueryEscape(product+"/edit"))
	s.visitor().page(product + "/edit?x=%41&y").leads("/login?next=" + url.QueryEscape(product+"/edit?x=%41&y"))
	s.visitor().get(product + "/edit").problem(http.StatusUnauthorized)
}

func TestEditPage_ShowsWhatIsWrongAtTheFields(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.productPage()
	good := map[string]string{"version": "1", "name": "Lamp", "price": "1.00", "categoryId": "1", "description": ""}
	send := func(changes ...string) answer {
		t.Helper()
		fields := make([]string, 0, 2*len(good))
		for name, value := range good {
			fields = append(fields, name, value)
		}
		return admin.post(product+"/edit", append(fields, changes...)...)
	}
	for _, c := range []struct{ field, value, message string }{
		{"name", " ", "must not be empty"},
		{"name", strings.Repeat("x", 201), "must have 1 to 200 characters"},
		{"name", "a\x00", "must not contain the character"},
		{"name", "a\nb", "must be a single line"},
		{"price", "", "is required"},
		{"price", "x", "must be an amount"},
		{"price", "1.005", "must be an amount"},
		{"price", "1,00", "must be an amount"},
		{"price", "-1", "must be an amount"},
		{"price", "+1", "must be an amount"},
		{"price", "1e3", "must be an amount"},
		{"price", "1.", "must be an amount"},
		{"price", ".5", "must be an amount"},
		{"price", ".", "must be an amount"},
		{"price", "1.-5", "must be an amount"},
		{"price", "10000000.01", "must be from 0.00 to 10000000.00"},
		{"price", strings.Repeat("9", 400), "must be from 0.00 to 10000000.00"},
		{"categoryId", "", "is required"},
		{"categoryId", "x", "must be a whole number"},
		{"categoryId", "-1", "must be a positive number"},
		{"categoryId", "99999", "no such category"},
		{"categoryId", "99999999999999999999", "no such category"},
		{"description", strings.Repeat("x", 5001), "must have 0 to 5000 characters"},
	} {
		send(c.field, c.value).want(http.StatusUnprocessableEntity).
			shows("The input is not valid.", c.message, `id="`+c.field+`-error"`, `aria-describedby="`+c.field+`-error"`)
	}
	for _, version := range []string{"", "0", "-1", "x", "1.0"} {
		send("version", version).want(http.StatusBadRequest).shows("The form cannot be read.")
	}
	// What cannot be read hides nothing of what breaks a rule.
	send("name", " ", "price", "x", "categoryId", "0", "description", "\x00").want(http.StatusUnprocessableEntity).
		shows(`id="name-error"`, `id="price-error"`, `id="categoryId-error"`, `id="description-error"`,
			`aria-describedby="name-error" autofocus`)
	for quantity, message := range map[string]string{
		"": "is required", " ": "is required", "x": "must be a whole number", "1.5": "must be a whole number",
		"-1": "must be from 0 to", "1000000001": "must be from 0 to", "99999999999999999999": "must be from 0 to",
	} {
		admin.post(product+"/stock", "quantity", quantity).want(http.StatusUnprocessableEntity).
			shows(`<p class="error" id="quantity-error">` + message)
	}
	for _, price := range []string{"0", "1", "1.5", "1.55", " 3.00 ", "10000000"} {
		s.exec("UPDATE products SET row_version = 1")
		send("price", price).leads(product + "?done=product")
	}
}

func TestEditPage_ChoosesTheProductsOwnCategory(t *testing.T) {
	s := start(t)
	admin := s.admin()
	s.exec("INSERT INTO categories (name) SELECT 'A ' || n FROM generate_series(1, 120) n")
	last := s.category("Z") // the list does not get so far
	product := s.products(last, 1)[0]
	path := fmt.Sprintf("/products/%d", product)
	admin.page(path + "/edit").want(http.StatusOK).shows(fmt.Sprintf(`<option value="%d" selected>Z</option>`, last))
	s.visitor().page(fmt.Sprintf("/?category=%d", last)).shows("<h1>Z</h1>")
	admin.send("PATCH", "/api/v1"+path, `{"categoryId":1}`).want(http.StatusOK)
	admin.page(path + "/edit").want(http.StatusOK).shows(`<option value="1" selected>A 1</option>`).
		hides(fmt.Sprintf(`<option value="%d"`, last))
}

func TestEditPage_ALostRaceIsShownAndCanBeWon(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.productPage()
	admin.page(product+"/edit").want(http.StatusOK).shows(`name="version" value="1"`, `value="Lamp 1"`, `value="1.00"`, "Bright.")
	admin.send("PATCH", "/api/v1"+product, `{"name":"Lamp of another"}`).want(http.StatusOK)

	mine := []string{"version", "1", "name", "Lamp of mine", "price", "2", "categoryId", "1", "description", "Mine."}
	admin.post(product+"/edit", mine...).want(http.StatusPreconditionFailed).
		shows(services.ErrStaleProduct.Message, "Lamp of another", `value="Lamp of mine"`, `name="version" value="2"`)
	s.visitor().page(product).shows("Lamp of another")
	mine[1] = "2"
	admin.post(product+"/edit", mine...).leads(product + "?done=product")
	s.visitor().page(product).shows("Lamp of mine", "Mine.")
	// A field that is refused keeps the version that the form was made of.
	mine[1], mine[3] = "2", " "
	admin.post(product+"/edit", mine...).want(http.StatusUnprocessableEntity).shows(`name="version" value="2"`)
}

func TestReviewForm_ShowsWhatIsWrongAtTheFieldsAndKeepsTheText(t *testing.T) {
	s := start(t)
	member, product := s.member(), s.productPage()
	member.post(product+"/reviews", "body", "A good lamp").want(http.StatusUnprocessableEntity).
		shows(`id="rating-error"`, "is required", "A good lamp").hides(`id="body-error"`)
	member.post(product+"/reviews", "rating", "6", "body", " ").want(http.StatusUnprocessableEntity).
		shows("must be from 1 to 5", "must not be empty", `id="body-error"`)
	member.post(product+"/reviews", "rating", "x", "body", " ").want(http.StatusUnprocessableEntity).
		shows("must be a whole number", "must not be empty")
	member.post(product+"/reviews", "rating", "3", "body", "").want(http.StatusUnprocessableEntity).shows(`value="3" required checked`)
	member.post("/products/999/reviews", "rating", "3", "body", "x").want(http.StatusNotFound).shows("No such product.")

	member.post(product+"/reviews", "rating", "3", "body", "Good.").leads(product + "?done=review")
	member.page(product+"?done=review").shows(`<p class="notice" role="status" tabindex="-1" autofocus>Thank you for your review.</p>`, "You have reviewed this product.").hides("textarea")
	member.post(product+"/reviews", "rating", "5", "body", "Better!").want(http.StatusConflict).
		shows(services.ErrReviewed.Message, "Better!")
	if got := decode[services.Product](s.visitor().get("/api/v1" + product)); got.Rating.Count != 1 {
		t.Errorf("there are %d reviews", got.Rating.Count)
	}
	s.admin().post(product+"/reviews", "rating", "4", "body", "Good.").want(http.StatusSeeOther)
	s.visitor().page(product).shows("3.5 of 5", "from 2 reviews<")
}

func TestForms_ThatAreNoneAreRefused(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.productPage()
	for _, path := range []string{"/login", product + "/reviews", product + "/edit", product + "/stock"} {
		for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x", formType + "x"} {
			admin.send("POST", path, "a=b", append(asBrowser, "Content-Type", kind)...).want(http.StatusUnsupportedMediaType).shows("must be " + formType)
		}
		admin.send("POST", path, "a=b", append(asBrowser, "Content-Type", formType, "Content-Encoding", "gzip")...).want(http.StatusUnsupportedMediaType)
		for _, body := range []string{
			"a=%zz", "%", "a=b;c=d", strings.Repeat("a&", 15_000), "email=%ff&name=%ff&body=%ff&quantity=%ff",
		} {
			got := admin.send("POST", path, body, append(asBrowser, "Content-Type", formType)...)
			if got.status != http.StatusBadRequest {
				t.Errorf("%s with %.20q: %d, want 400", path, body, got.status)
			}
		}
	}
}

func TestPages_WhatPeopleWriteStaysText(t *testing.T) {
	s := start(t)
	const planted = `"'><script>planted()</script><img src=x onerror=planted()>`
	s.exec("INSERT INTO categories (name) VALUES ($1)", "c"+planted)
	s.exec("INSERT INTO products (name, description, price_cents, category_id) VALUES ($1, $2, 1, 1)", "n"+planted, "d"+planted)
	user := s.user("max", services.Admin)
	s.exec("UPDATE users SET name = $1", "u"+planted)
	c := s.visitor()
	c.signIn(user.Email, password).want(http.StatusOK)
	c.post("/products/1/reviews", "rating", "1", "body", "b"+planted).want(http.StatusSeeOther)

	refused := []answer{
		c.post("/products/1/edit", "version", "1", "name", planted, "price", planted, "categoryId", planted, "description", planted),
		c.post("/products/1/edit", "version", "9", "name", planted, "price", "1", "categoryId", "1", "description", planted),
		c.post("/products/1/stock", "quantity", planted),
		c.post("/products/1/reviews", "rating", planted, "body", planted),
		s.visitor().post("/login", "email", planted, "password", planted, "next", "/"+planted),
	}
	for _, got := range append(refused,
		c.page("/"), c.page("/products/1"), c.page("/products/1/edit"), s.visitor().page("/login?next=/"+url.QueryEscape(planted)),
		s.visitor().page("/?done="+url.QueryEscape(planted)), s.visitor().page("/nowhere/"+url.PathEscape(planted)),
		s.visitor().page("/?category="+url.QueryEscape(planted)), s.visitor().page("/?after="+url.QueryEscape(planted)),
	) {
		got.shows("<h1>").hides("<script>planted", "<img")
	}
	for _, name := range []string{"c", "n", "d", "u", "b"} {
		c.page("/products/1").shows(name + "&#34;&#39;&gt;&lt;script&gt;planted()")
	}
}

func TestPages_GoOnWithoutRedisAndPostgres(t *testing.T) {
	t.Parallel()
	for name, lose := range away {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, postgres := devtest.OwnRedis(t), devtest.OwnPostgres(t)
			s := startOn(t, postgres.URL, redis.URL)
			admin, product := s.admin(), s.productPage()
			for _, path := range []string{"/", product} {
				admin.page(path).want(http.StatusOK)
				s.visitor().page(path).want(http.StatusOK)
			}
			lose(postgres)
			for _, path := range []string{"/", product} {
				s.visitor().page(path).want(http.StatusOK).shows("Lamp 1")
				admin.page(path).want(http.StatusOK).shows("Lamp 1", "Sign out")
			}
			back(postgres)
			eventually(t, "PostgreSQL is found again", func() bool { return admin.page(product+"/edit").status == http.StatusOK })
			lose(redis)
			for _, path := range []string{"/", product} {
				admin.page(path).want(http.StatusOK).shows("Lamp 1", "Sign in")
			}
			for _, got := range []answer{
				admin.page(product + "/edit"),
				admin.post(product+"/reviews", "rating", "1", "body", "x"),
				admin.post(product+"/stock", "quantity", "1"),
				admin.post("/logout"),
				s.visitor().post("/login", "email", "ada"+emailDomain, "password", password),
			} {
				got.want(http.StatusServiceUnavailable).shows(problem.ErrUnavailable.Message)
			}
		})
	}
}

func TestPages_AnswerWhatBrowsersAndCrawlersAskForThemselves(t *testing.T) {
	s := start(t)
	for path, want := range map[string]struct{ mime, begins string }{
		"/favicon.ico": {"image/svg+xml", "<svg "},
		"/robots.txt":  {"text/plain; charset=utf-8", "# What is not"},
	} {
		got := s.visitor().get(path).want(http.StatusOK)
		if got.header.Get("Content-Type") != want.mime || !strings.HasPrefix(string(got.body), want.begins) ||
			got.header.Get("Cache-Control") != "public, max-age=3600" {
			t.Errorf("%s: %s with %v", path, got.body, got.header)
		}
		s.visitor().get(path, "If-None-Match", got.header.Get("ETag")).want(http.StatusNotModified)
	}
}
