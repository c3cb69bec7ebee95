package app_test

import (
	"fmt"
	"net/http"
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
		s.visitor().page(path).hides("Sign out", ">ada<", ">max<")
	}
	admin.page(product).shows(product + "/edit")
	member.page(product).hides(product+"/edit").shows("Your review", "textarea")
}

// That its pages lead through all products, the browser's tests show.
func TestCatalogue_Filters(t *testing.T) {
	s := start(t)
	lamps, chairs := s.category("Lamps"), s.category("Chairs")
	s.products(lamps, 30)
	s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Stool', 123456789, $1)", chairs)

	s.visitor().page("/").shows("<h1>All products</h1>", "Stool", "€1,234,567.89", `<a href="/" aria-current="true">All</a>`)
	path := fmt.Sprintf("/?category=%d", chairs)
	s.visitor().page(path).shows("<h1>Chairs</h1>", "Stool", `<a href="`+path+`" aria-current="true">Chairs</a>`,
		fmt.Sprintf(`href="/login?next=%%2f%%3fcategory%%3d%d"`, chairs)).hides("Lamp 30", "Older", `aria-label="Pages"`, `<a href="/" aria-current`)
	s.visitor().page("/?category=999").want(http.StatusOK).shows("<h1>Products</h1>", "There is nothing here yet.")
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

func TestForms_ShowWhatIsWrongAtTheFields(t *testing.T) {
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
	// A field that is refused keeps the version that the form was made of, for the next try.
	send("name", " ", "version", "1").want(http.StatusUnprocessableEntity).shows(`name="version" value="1"`)

	admin.post(product+"/reviews", "rating", "3", "body", "Good.").leads(product + "?done=review")
	admin.post(product+"/reviews", "rating", "5", "body", "Better!").want(http.StatusConflict).
		shows(services.ErrReviewed.Message, "Better!")
}
