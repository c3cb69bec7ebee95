package app_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/prefab/services"
)

// The parameters that the API's routes take, but for the ids that only stand alone.
func queriesOf(t *testing.T, op operation) (names []string) {
	t.Helper()
	s := theSpec(t)
	list, _ := s.object(op.at)["parameters"].([]any)
	for i := range list {
		if p := s.object(op.at + "/parameters/" + string(rune('0'+i))); p["in"] == "query" {
			names = append(names, p["name"].(string))
		}
	}
	return names
}

func TestQueries_OfTheAPITakeWhatIsDeclaredAndOnce(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	bodies := make(map[string]string)
	for _, to := range takers(product) {
		bodies[to.method+" "+to.path] = to.body
	}
	asked := 0
	for _, op := range theSpec(t).operations {
		if !strings.HasPrefix(op.path, "/api/") {
			continue
		}
		path := strings.ReplaceAll(op.path, "{id}", "1")
		for query, field := range map[string]string{
			"unknown=1": "unknown", "utm_source=x": "utm_source", "unknown": "unknown", "%61=1": "a", "LIMIT=1": "LIMIT", "%zz": "%zz",
			"%ff=1": "%ff", "=1": "", "unknown=1&unknown=2": "unknown", strings.Repeat("x", 1000): strings.Repeat("x", 100),
		} {
			admin.send(op.method, path+"?"+query, bodies[op.method+" "+path]).invalid(field)
		}
		for _, name := range queriesOf(t, op) {
			admin.send(op.method, path+"?"+name+"=1&"+name+"=2", "").invalid(name)
			for _, bad := range []string{"%00", "1%00", "%ff", "%zz", "%", "%E2%80%AE", "%ED%A0%80"} {
				admin.send(op.method, path+"?"+name+"="+bad, "").invalid(name)
			}
		}
		asked++
	}
	if asked < 10 {
		t.Errorf("only %d operations were asked", asked)
	}
}

func TestQueries_OfPagesLeaveUnknownOnesAside(t *testing.T) {
	s := start(t)
	s.product()
	for _, path := range []string{
		"/?utm_source=letter", "/?category=&after=", "/?x=%ff&%zz", "/?x=1&x=2", "/products/1?fbclid=1", "/login?gclid=%00",
	} {
		s.visitor().get(path, asBrowser...).want(http.StatusOK)
	}
	for _, path := range []string{"/?category=1&category=2", "/?category=%00", "/?after=%ff", "/login?next=/&next=/x", "/products/1?done=a&done=b"} {
		s.visitor().get(path, asBrowser...).want(http.StatusUnprocessableEntity)
	}
}

func TestPaths_HaveOneMeaningHoweverTheyAreSpelled(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for _, spelled := range []string{"/%61pi/v1/products/1", "/api/v1/%70roducts/%31", "/api%2Fv1/products/1"} {
		want := http.StatusOK
		if strings.Contains(spelled, "%2F") {
			want = http.StatusBadRequest
		}
		s.visitor().get(spelled).want(want)
	}
	visitor := s.visitor()
	visitor.get(product).want(http.StatusOK)
	hit := visitor.get(strings.Replace(product, "products", "%70roducts", 1)).want(http.StatusOK)
	if status := hit.header.Get("Cache-Status"); !strings.Contains(status, "hit") {
		t.Errorf("the other spelling is another page: %s", status)
	}
	// A guard holds for each spelling.
	visitor.send("DELETE", "/api/v1/product%73/1", "").problem(http.StatusUnauthorized)
	admin.send("PATCH", "/api/v1/products/%31", `{"name":"Other"}`).want(http.StatusOK)
	if p := decode[services.Product](visitor.get(product).want(http.StatusOK)); p.Name != "Other" {
		t.Errorf("the page is still of %q", p.Name)
	}
}

func TestPaths_ThatNameNothingAreNoFaultOfOurs(t *testing.T) {
	s := start(t)
	s.product()
	for _, path := range []string{
		productsPath + "/%00", productsPath + "/1%00", productsPath + "/%ff", productsPath + "/%c3%28", productsPath + "/%ed%a0%80",
		productsPath + "/%2f", productsPath + "/1%2Freviews", productsPath + "/%0d%0a", productsPath + "/%7f", "/static/%00.css", "/%2e%2e%2fetc",
	} {
		s.visitor().get(path).problem(http.StatusBadRequest)
	}
	for _, path := range []string{
		"/%zz", "/%", "/api/v1/products/%4", productsPath + "/%u0041",
	} {
		if got := s.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d: %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"//", "/.", "/..", "/%2e", "/%2e%2e/", "/static/%2e%2e/x", "/static//prefab.css", "/health//live", "/x/../health"} {
		if got := s.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"); got.status != http.StatusNotFound {
			t.Errorf("%s: %d: %s", path, got.status, got.body)
		}
	}
	if page := s.visitor().get("/products/%00", asBrowser...).want(http.StatusBadRequest); !isPage(&http.Response{Header: page.header}) {
		t.Errorf("a browser gets %s", page.body)
	}
}

func TestTexts_HaveOneRule(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for _, bad := range []string{
		`\u200b`, `x\u200by`, `\u200dx`, `x\u200d`, `\ufeffx`, `x\u202ey`, `x\u2066y`, `x\u200fy`, `x\u2028y`, `x\u2029y`, `x\u00ady`, `x\uffff`, `\ue000`,
		`x\u3164`, `\ud800`, `\udc00\ud800`, `x\ud83d`, `\ud83d\ud83d\ude00`,
	} {
		admin.send("POST", productsPath, `{"name":"`+bad+`","priceCents":1,"categoryId":1}`).invalid("name")
		admin.send("PATCH", product, `{"name":"`+bad+`"}`).invalid("name")
		admin.send("PATCH", product, `{"description":"`+bad+`"}`).invalid("description")
		admin.send("POST", product+"/reviews", `{"rating":5,"body":"`+bad+`"}`).invalid("body")
	}
	for _, bad := range []string{`{"email":"\ud800","password":"x"}`, `{"email":"x\udfff","password":"x"}`} {
		admin.send("POST", sessionPath, bad).invalid("email")
	}
	form := slices.Concat(asBrowser, []string{"Content-Type", formType})
	for _, bad := range []string{"%E2%80%AE", "%E2%80%8B", "x%E2%80%A8"} {
		admin.send("POST", "/products/1/reviews", "rating=5&body="+bad, form...).want(http.StatusUnprocessableEntity)
	}
	admin.send("POST", "/products/1/reviews", "rating=5&rating=1&body=x", form...).want(http.StatusBadRequest)
}

func TestPatch_ThatChangesNothingChangesNothing(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	before := admin.get(path).want(http.StatusOK)
	p := decode[services.Product](before)
	for _, body := range []string{
		`{}`, ` { } `, `{"name":"` + p.Name + `"}`, `{"priceCents":` + list(p.PriceCents) + `,"categoryId":` + list(p.Category.ID) + `}`,
	} {
		for _, condition := range [][]string{nil, {"If-Match", before.header.Get("ETag")}, {"If-Match", "*"}} {
			got := admin.send("PATCH", path, body, condition...).want(http.StatusOK)
			if string(got.body) != string(before.body) || got.header.Get("ETag") != before.header.Get("ETag") {
				t.Errorf("%s: %s %s, want %s", body, got.header.Get("ETag"), got.body, before.body)
			}
		}
		admin.send("PATCH", path, body, "If-Match", `"2-0"`).problem(http.StatusPreconditionFailed)
	}
	if after := admin.get(path).want(http.StatusOK); after.header.Get("ETag") != before.header.Get("ETag") {
		t.Errorf("the ETag is %s, and was %s", after.header.Get("ETag"), before.header.Get("ETag"))
	}
}

func TestBodies_WithAKeyTwiceAre422(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for _, to := range takers(s.product()) {
		name := strings.Split(to.body, `"`)[1]
		admin.send(to.method, to.path, to.body[:len(to.body)-1]+`,"`+name+`":null}`).invalid(name)
		admin.send(to.method, to.path, `{"`+name+`":null,`+to.body[1:]).invalid(name)
	}
}
