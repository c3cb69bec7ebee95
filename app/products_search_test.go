package app_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func (c *client) search(query string) (names []string) {
	c.s.t.Helper()
	for _, item := range decode[productPage](c.get(productsPath + "?" + query).want(http.StatusOK)).Items {
		names = append(names, item.Name)
	}
	return names
}

func TestSearch_FindsWithinACategoryAndPageByPage(t *testing.T) {
	s := start(t)
	lamps, chairs := s.category("Lamps"), s.category("Chairs")
	s.products(lamps, 30)
	s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Lamp stool', 1, $1), ('Stool', 2, $1)", chairs)
	v := s.visitor()
	if got := v.search("q=lamp+3"); !slices.Equal(got, []string{"Lamp 30", "Lamp 3"}) {
		t.Errorf("found are %q", got)
	}
	if got := v.search(fmt.Sprintf("q=LAMP&category=%d", chairs)); !slices.Equal(got, []string{"Lamp stool"}) {
		t.Errorf("found in a category are %q", got)
	}
	page := decode[productPage](v.get(productsPath + "?q=lamp&limit=20"))
	rest := v.search("q=lamp&limit=20&after=" + page.NextCursor)
	if len(page.Items) != 20 || len(rest) != 11 || slices.Contains(rest, page.Items[19].Name) {
		t.Errorf("the pages have %d and %d products", len(page.Items), len(rest))
	}
	if got := v.search("q=+"); len(got) != 20 {
		t.Errorf("a search for nothing finds %d", len(got))
	}
}

func TestSearch_RefusesOrTakesWhatIsTyped(t *testing.T) {
	s := shared(t)
	s.product()
	for _, text := range []string{
		"'", `"`, `\`, "%", "_", ":*", "a:*b", "!", "a & | b", "<->", "((", "a'); DROP TABLE products; --", "…", "🙂", "長い",
		strings.Repeat("a ", 100), strings.Repeat("長", 200), strings.Repeat("'", 200),
	} {
		s.visitor().search("q=" + url.QueryEscape(text))
		s.visitor().page("/?q=" + url.QueryEscape(text)).want(http.StatusOK)
	}
	for _, text := range []string{strings.Repeat("a", 201), strings.Repeat("a", 1000), strings.Repeat("長", 300), "a\x00b", "a\nb", "\xff", "a\u202eb"} {
		s.visitor().get(productsPath + "?q=" + url.QueryEscape(text)).invalid("q")
		s.visitor().page("/?q=" + url.QueryEscape(text)).want(http.StatusUnprocessableEntity)
	}
}

// Neither a response nor a value is stored, so no flood of searches fills a cache, and what
// is renamed is found at once, wherever it was renamed.
func TestSearch_IsNotCached(t *testing.T) {
	s := start(t)
	s.usesRedis()
	admin, path := s.admin(), s.product()
	s.visitor().page("/")
	s.visitor().get(productsPath)
	before := s.keys("prefab:cache:*:e:*")
	for i := range 200 {
		if i%2 == 0 {
			s.visitor().page(fmt.Sprintf("/?q=lamp+%d", i))
		} else {
			s.visitor().search(fmt.Sprintf("q=lamp+%d", i))
		}
	}
	after := s.keys("prefab:cache:*:e:*")
	if added := slices.DeleteFunc(after, func(key string) bool { return slices.Contains(before, key) }); len(added) > 0 {
		t.Errorf("the searches have stored %q", added)
	}
	for _, path := range []string{"/", productsPath} {
		if got := s.visitor().get(path); got.outcome() != "hit" {
			t.Errorf("%s: %s", path, got.cacheStatus())
		}
	}
	readers := []*client{admin, s.visitor()}
	for _, by := range readers {
		by.page("/?q=lamp").shows("Lamp 1")
		by.search("q=lamp")
	}
	admin.send("PATCH", path, `{"name":"Torch"}`).want(http.StatusOK)
	for _, by := range readers {
		by.page("/?q=torch").shows("Torch", "1 product<")
		by.page("/?q=lamp").shows("No product has that name.").hides("Torch")
		if got := append(by.search("q=lamp"), by.search("q=torch")...); !slices.Equal(got, []string{"Torch"}) {
			t.Errorf("found are %q", got)
		}
	}
}

// link returns the address that the page's link with a text leads to.
func (a answer) link(text string) string {
	a.s.t.Helper()
	found := regexp.MustCompile(`href="([^"]+)"[^>]*>` + text + `<`).FindSubmatch(a.body)
	if found == nil {
		a.s.t.Fatalf("%s: no link %q", a.asked, text)
	}
	return html.UnescapeString(string(found[1]))
}

func TestCatalogue_LinksLeadThroughASearchAndBack(t *testing.T) {
	s := start(t)
	lamps := s.category("Lamps")
	s.products(lamps, 60)
	s.exec("UPDATE products SET name = replace(name, 'Lamp', 'Lämp')")
	s.exec("INSERT INTO products (name, price_cents, category_id) VALUES ('Stool', 1, $1)", lamps)
	for _, first := range []string{
		"/", fmt.Sprintf("/?category=%d", lamps), "/?q=l%C3%A4mp+%26", fmt.Sprintf("/?category=%d&q=l%%C3%%A4mp+%%26", lamps),
	} {
		v := s.visitor()
		one := v.page(first).shows("The newest 24 products", `rel="next"`).hides(`rel="prev"`, "Newest<")
		two := v.page(one.link("Older")).shows("The next 24 products", `rel="prev"`, `rel="next"`).hides("Newest<")
		three := v.page(two.link("Older")).shows("The oldest 1", `rel="prev"`).hides(`rel="next"`)
		if got := three.link("Newer"); got != one.link("Older") {
			t.Errorf("%s: before the third page is %s, not the second, %s", first, got, one.link("Older"))
		}
		if got, newest := two.link("Newer"), three.link("Newest"); got != first || newest != first {
			t.Errorf("before the second page is %s, the first is %s, want %s", got, newest, first)
		}
		if strings.Contains(first, "q=") {
			two.shows(`value="lämp &amp;"`, ": “lämp &amp;”", "?q=l%c3%a4mp%20%26\"", "/login?next=").hides("Stool")
		}
	}
}
