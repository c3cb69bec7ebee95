package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

func TestBodies_BeyondTheBudgetAre503AndSmallOnesAreTaken(t *testing.T) {
	s := start(t, "BODY_LIMIT=65536", "BODY_BUDGET=65536")
	admin, product := s.admin(), s.product()
	const rest = 5_000
	large := jsonOf(`{"name":"Chair"}`, 40_000)
	var slow *wire
	var refused answer
	devtest.Eventually(t, "the budget is used up", func() bool {
		if slow == nil || slow.isAnswered() { // it came when the other one was taken
			slow = s.dial()
			slow.send(admin.head("PATCH", product) + "Content-Length: 60000\r\n\r\n" + jsonOf(`{"name":"Lamp"}`, 60_000-rest))
		}
		for range 3 { // the first may have met the slow one on its way, and both be refused
			if refused = admin.send("PATCH", product, large); refused.status != http.StatusServiceUnavailable {
				return false
			}
		}
		return true
	})
	if refused.problem(http.StatusServiceUnavailable).Detail == "" || refused.header.Get("Retry-After") == "" {
		t.Errorf("it says %s with %v", refused.body, refused.header)
	}
	admin.send("PATCH", product, jsonOf(`{"name":"Chair"}`, 8<<10)).want(http.StatusOK)
	slow.send(strings.Repeat(" ", rest))
	if got := slow.status("PATCH"); got != http.StatusOK {
		t.Errorf("the slow one gets %d", got)
	}
	if p := decode[services.Product](admin.send("PATCH", product, large).want(http.StatusOK)); p.Name != "Chair" {
		t.Errorf("it is %+v", p)
	}
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

func TestCreate_Answers201WithWhereItIs(t *testing.T) {
	s := start(t)
	admin, lamps := s.admin(), s.category("Lamps")
	created := admin.send("POST", productsPath, fmt.Sprintf(`{"name":"Käsehobel 🧀","priceCents":0,"categoryId":%d}`, lamps)).want(http.StatusCreated)
	p := decode[services.Product](created)
	if p.Name != "Käsehobel 🧀" || p.Description != "" || p.Category.Name != "Lamps" {
		t.Errorf("got %+v", p)
	}
	location := created.header.Get("Location")
	if want := fmt.Sprintf("%s/%d", productsPath, p.ID); location != want {
		t.Fatalf("Location is %q, want %q", location, want)
	}
	shown := s.visitor().get(location).want(http.StatusOK)
	if string(shown.body) != string(created.body) || shown.header.Get("ETag") != created.header.Get("ETag") {
		t.Errorf("created %s\nshown   %s", created.body, shown.body)
	}
}

func TestUpdate_IsAMergePatch(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	before := decode[services.Product](s.visitor().get(path))

	p := decode[services.Product](admin.send("PATCH", path, `{"priceCents":5}`, "Content-Type", "application/merge-patch+json").want(http.StatusOK))
	if p.PriceCents != 5 || p.Name != before.Name || p.Description != before.Description || !p.UpdatedAt.After(before.UpdatedAt) {
		t.Errorf("what is not named must stay: got %+v, was %+v", p, before)
	}
	p = decode[services.Product](admin.send("PATCH", path, `{"description":null,"name":"New"}`).want(http.StatusOK))
	if p.Description != "" || p.Name != "New" || p.PriceCents != 5 {
		t.Errorf("null must remove the description: got %+v", p)
	}
	if shown := decode[services.Product](s.visitor().get(path)); shown.Name != "New" || shown.Description != "" {
		t.Errorf("shown is %+v", shown)
	}
	for _, field := range []string{"name", "priceCents", "categoryId"} {
		admin.send("PATCH", path, `{"`+field+`":null}`).invalid(field)
	}
	admin.send("PATCH", path, `{"stock":5}`).invalid("stock")
	admin.send("PATCH", path, `{"stock":null}`).invalid("stock")
	admin.send("PATCH", path, `{"categoryId":999999}`).invalid("categoryId")
	admin.send("PATCH", path, `{"name":"Charset"}`, "Content-Type", "application/merge-patch+json; charset=utf-8").want(http.StatusOK)
}

func TestUpdate_IfMatchTellsAStaleEdit(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	first := s.visitor().get(path).header.Get("ETag")
	second := admin.send("PATCH", path, `{"name":"Second"}`, "If-Match", first).want(http.StatusOK).header.Get("ETag")

	for name, tag := range map[string]string{
		"the old one": first, "a weak one": "W/" + second, "rubbish": `"abc"`, "without quotes": strings.Trim(second, `"`), "without quotes and hash": "2",
		"two versions": first + ", " + second, "only commas": ",,", "a huge version": `"9223372036854775808-0"`,
	} {
		admin.send("PATCH", path, `{"name":"Lost"}`, "If-Match", tag).problem(http.StatusPreconditionFailed)
		if got := admin.send("DELETE", path, "", "If-Match", tag); got.status != http.StatusPreconditionFailed {
			t.Fatalf("DELETE with %s: %d", name, got.status)
		}
	}
	if p := decode[services.Product](s.visitor().get(path)); p.Name != "Second" {
		t.Errorf("a stale edit was written: %+v", p)
	}

	// A sale and a review in between are none of the editor's concern.
	admin.send("PUT", path+"/stock", `{"quantity":4}`).want(http.StatusAccepted)
	admin.send("POST", path+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	third := admin.send("PATCH", path, `{"name":"Third"}`, "If-Match", second).want(http.StatusOK).header.Get("ETag")
	admin.send("PATCH", path, `{"name":"Any"}`, "If-Match", "*").want(http.StatusOK)
	admin.send("DELETE", path, "", "If-Match", third).problem(http.StatusPreconditionFailed)
	fresh := s.visitor().get(path).header.Get("ETag")
	admin.send("DELETE", path, "", "If-Match", fresh).want(http.StatusNoContent)
	admin.send("PATCH", path, `{"name":"Late"}`, "If-Match", fresh).problem(http.StatusNotFound)
}

func TestDelete_HidesTheProductForGood(t *testing.T) {
	s := start(t)
	admin, path := s.admin(), s.product()
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	s.visitor().get(path).problem(http.StatusNotFound)
	admin.send("DELETE", path, "").problem(http.StatusNotFound)
	admin.send("PATCH", path, `{"name":"Back"}`).problem(http.StatusNotFound)
	admin.send("PUT", path+"/stock", `{"quantity":1}`).problem(http.StatusNotFound)
	admin.send("POST", path+"/reviews", `{"rating":1,"body":"Gone."}`).problem(http.StatusNotFound)
	if n := len(s.ids("SELECT id FROM products WHERE NOT active")); n != 1 {
		t.Errorf("%d inactive rows, want the one that was deleted", n)
	}
}

func TestReview_OnePerUserAndProduct(t *testing.T) {
	s := start(t)
	member, path := s.member(), s.product()
	const body = `{"rating":5,"body":"Line one.\nLine two.\t🙂"}`
	review := decode[services.Review](member.send("POST", path+"/reviews", body).want(http.StatusCreated))
	if review.Author != "max" || review.Rating != 5 || review.Body != "Line one.\nLine two.\t🙂" {
		t.Errorf("got %+v", review)
	}
	member.send("POST", path+"/reviews", body).problem(http.StatusConflict)
	if p := decode[services.Product](s.visitor().get(path)); len(p.Reviews) != 1 || p.Reviews[0] != review {
		t.Errorf("shown are %+v", p.Reviews)
	}
	s.admin().send("POST", path+"/reviews", body).want(http.StatusCreated)
	member.send("POST", productsPath+"/999999/reviews", body).problem(http.StatusNotFound)
	s.visitor().send("POST", path+"/reviews", body).problem(http.StatusUnauthorized)

	for body, field := range map[string]string{
		`{"body":"x"}`: "rating", `{"rating":0,"body":"x"}`: "rating", `{"rating":6,"body":"x"}`: "rating",
		`{"rating":4.5,"body":"x"}`: "rating", `{"rating":5}`: "body", `{"rating":5,"body":" \n"}`: "body",
		`{"rating":5,"body":"` + strings.Repeat("x", 2001) + `"}`: "body", `{"rating":5,"body":7}`: "body",
	} {
		member.send("POST", path+"/reviews", body).invalid(field)
	}
}

func TestWrites_AreForAdmins(t *testing.T) {
	s := start(t)
	visitor, member, path := s.visitor(), s.member(), s.product()
	for _, write := range []struct{ method, path, body string }{
		{"POST", productsPath, `{"name":"Lamp","priceCents":1,"categoryId":1}`},
		{"PATCH", path, `{"name":"Lamp"}`},
		{"DELETE", path, ""},
		{"PUT", path + "/stock", `{"quantity":1}`},
		// Nobody learns what exists, or what is read of the body, before who asks is known.
		{"PATCH", productsPath + "/999999", `{`},
		{"DELETE", productsPath + "/abc", ""},
	} {
		visitor.send(write.method, write.path, write.body).problem(http.StatusUnauthorized)
		member.send(write.method, write.path, write.body).problem(http.StatusForbidden)
	}
	if p := decode[services.Product](visitor.get(path)); p.Name != "Lamp 1" || p.Stock != 0 {
		t.Errorf("somebody wrote: %+v", p)
	}
}
