package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/services"
)

// edit returns the fields of a form that changes nothing but the given ones.
func (s *service) edit(productPage string, changes ...string) []string {
	s.t.Helper()
	p := decode[services.Product](s.visitor().get("/api/v1" + productPage))
	return append([]string{"version", "1", "name", p.Name, "price", "1.00", "categoryId", fmt.Sprint(p.Category.ID), "description", ""}, changes...)
}

func TestPages_AreGivenFromTheCacheUntilAWrite(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.productPage()
	visit := func(path string) answer {
		t.Helper()
		s.visitor().page(path).want(http.StatusOK)
		again := s.visitor().page(path).want(http.StatusOK)
		if again.outcome() != "hit" {
			t.Errorf("%s: %s", path, again.cacheStatus())
		}
		return again
	}
	visit("/").shows("Lamp 1", "€1.00")
	visit(product).shows("Lamp 1", "Sold out", "Nobody has written one yet.")

	admin.post(product+"/edit", s.edit(product, "name", "Torch", "price", "12.5", "description", "New")...).
		leads(product + "?done=product")
	visit("/").shows("Torch", "€12.50").hides("Lamp 1")
	visit(product).shows("Torch", "€12.50", "New")
	admin.post(product+"/stock", "quantity", "1200").leads(product + "?done=stock")
	visit(product).shows("1200 in stock")
	admin.post(product+"/reviews", "rating", "4", "body", "Bright\r\nenough.").leads(product + "?done=review")
	visit(product).shows("4.0 of 5", "from 1 review<", "★★★★☆", "Bright\nenough.", "<strong>ada</strong>")
}

func TestPages_TellSessionsApart(t *testing.T) {
	s := shared(t)
	product := s.productPage()
	admin, member := s.admin(), s.member()
	for _, path := range []string{"/", product} {
		visitor := s.visitor().page(path).shows("Sign in").hides("Sign out")
		for name, c := range map[string]*client{"ada": admin, "max": member} {
			got := c.page(path, "If-None-Match", visitor.header.Get("ETag")).want(http.StatusOK).
				shows("Sign out", name).hides("Sign in")
			if cache := got.header.Get("Cache-Control"); cache != "private, no-store" || got.outcome() == "hit" {
				t.Errorf("%s: Cache-Control is %q, Cache-Status %q", path, cache, got.cacheStatus())
			}
		}
		s.visitor().page(path).hides("Sign out", "ada", "max")
	}
	admin.page(product).shows(product + "/edit")
	member.page(product).hides(product+"/edit").shows("Your review", "textarea")
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
	for pages := 0; path != "" && pages < 5; pages++ {
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
	s := shared(t)
	product, member := s.productPage(), s.member()
	for _, c := range []struct {
		by     *client
		method string
		path   string
		status int
	}{
		{s.visitor(), "GET", "/products/999999999", 404},
		{s.visitor(), "GET", "/products/x", 422},
		{s.visitor(), "GET", "/nowhere", 404},
		{s.visitor(), "PUT", "/", 405},
		{s.visitor(), "POST", product + "/reviews", 401},
		{member, "GET", product + "/edit", 403},
	} {
		problem := c.by.send(c.method, c.path, "").problem(c.status)
		page := c.by.send(c.method, c.path, "", asBrowser...).want(c.status)
		page.shows(problem.Title, problem.Detail, page.header.Get("X-Request-Id"))
		for _, field := range problem.Errors {
			page.shows(field.Field, field.Message)
		}
	}
	// The user's name stays on the page.
	for _, got := range []answer{
		member.page("/nowhere"), member.page("/products/x/reviews"), member.page(product + "/edit"), member.send("PUT", "/", "", asBrowser...),
	} {
		got.shows("max", "Sign out")
	}
	s.visitor().page("/api/v1/products/999999999").problem(404)
}

func TestLogin_SignsInAndLeadsBack(t *testing.T) {
	s := shared(t)
	user, product := s.user("max", services.Member), s.productPage()
	c := s.visitor()
	c.page(product).shows(`href="/login?next=` + strings.ReplaceAll(product, "/", "%2f") + `"`)
	c.page("/login?next="+product).want(http.StatusOK).
		shows(`value="`+product+`"`, `type="password"`, `autocomplete="current-password"`, `autocomplete="username"`)
	c.post("/login", "email", user.Email, "password", "wrong", "next", product).want(http.StatusUnauthorized).
		shows(services.ErrBadCredentials.Message, `value="`+user.Email+`"`, `value="`+product+`"`).hides(`value="wrong"`)
	c.post("/login", "email", user.Email, "password", password, "next", product).leads(product)
	c.page(product).shows("max", "Sign out")
	c.page("/login?next=" + product).leads(product)
	c.page("/login?next=//evil.example").leads("/")
	c.post("/logout").leads("/")
	c.page(product).shows("Sign in").hides("max")
}

func TestEditPage_ShowsWhatIsWrongAtTheFields(t *testing.T) {
	s := shared(t)
	admin, product := s.admin(), s.productPage()
	send := func(changes ...string) answer {
		t.Helper()
		return admin.post(product+"/edit", s.edit(product, changes...)...)
	}
	for _, c := range []struct{ field, value, message string }{
		{"price", "", "is required"},
		{"price", "10000000.01", "must be from 0.00 to 10000000.00"},
		{"categoryId", "x", "must be a whole number"},
		{"categoryId", "999999999", "no such category"},
		{"description", strings.Repeat("x", 5001), "must have 0 to 5000 characters"},
	} {
		send(c.field, c.value).want(http.StatusUnprocessableEntity).
			shows("The input is not valid.", c.message, `id="`+c.field+`-error"`, `aria-describedby="`+c.field+`-error"`)
	}
	send("version", "").want(http.StatusBadRequest).shows("The form cannot be read.")
	// Fields that cannot be read and fields that break a rule are shown at once.
	send("name", " ", "price", "x", "categoryId", "0", "description", "\x00").want(http.StatusUnprocessableEntity).
		shows(`id="name-error"`, `id="price-error"`, `id="categoryId-error"`, `id="description-error"`,
			`aria-describedby="name-error" autofocus`)
	for quantity, message := range map[string]string{"": "is required", "-1": "must be from 0 to"} {
		admin.post(product+"/stock", "quantity", quantity).want(http.StatusUnprocessableEntity).
			shows(`<p class="error" id="quantity-error">` + message)
	}
	send("price", "1.5").leads(product + "?done=product")
}

func TestEditPage_ALostRaceIsShownAndCanBeWon(t *testing.T) {
	s := shared(t)
	admin, product := s.admin(), s.productPage()
	admin.page(product+"/edit").want(http.StatusOK).shows(`name="version" value="1"`, `value="Lamp 1"`, `value="1.00"`, "Bright.")
	admin.send("PATCH", "/api/v1"+product, `{"name":"Lamp of another"}`).want(http.StatusOK)

	admin.post(product+"/edit", s.edit(product, "name", "Lamp of mine")...).want(http.StatusPreconditionFailed).
		shows(services.ErrStaleProduct.Message, "Lamp of another", `value="Lamp of mine"`, `name="version" value="2"`)
	s.visitor().page(product).shows("Lamp of another")
	admin.post(product+"/edit", s.edit(product, "name", "Lamp of mine", "version", "2")...).leads(product + "?done=product")
	s.visitor().page(product).shows("Lamp of mine")
	// A field that is refused keeps the version that the form was made of.
	admin.post(product+"/edit", s.edit(product, "name", " ", "version", "2")...).want(http.StatusUnprocessableEntity).
		shows(`name="version" value="2"`)
}

func TestReviewForm_ShowsWhatIsWrongAtTheFieldsAndKeepsTheText(t *testing.T) {
	s := shared(t)
	member, product := s.member(), s.productPage()
	member.post(product+"/reviews", "body", "A good lamp").want(http.StatusUnprocessableEntity).
		shows(`id="rating-error"`, "is required", "A good lamp").hides(`id="body-error"`)
	member.post(product+"/reviews", "rating", "3", "body", " ").want(http.StatusUnprocessableEntity).
		shows(`value="3" required checked`, "must not be empty", `id="body-error"`)

	member.post(product+"/reviews", "rating", "3", "body", "Good.").leads(product + "?done=review")
	member.page(product+"?done=review").shows(`<p class="notice" role="status" tabindex="-1" autofocus>Thank you for your review.</p>`,
		"You have reviewed this product.").hides("textarea")
	member.post(product+"/reviews", "rating", "5", "body", "Better!").want(http.StatusConflict).
		shows(services.ErrReviewed.Message, "Better!")
	s.admin().post(product+"/reviews", "rating", "4", "body", "Good.").want(http.StatusSeeOther)
	s.visitor().page(product).shows("3.5 of 5", "from 2 reviews<")
}
