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

func TestCreate_Answers201WithWhereItIs(t *testing.T) {
	s := shared(t)
	created := s.admin().send("POST", productsPath, fmt.Sprintf(`{"name":"Käsehobel 🧀","priceCents":0,"categoryId":%d}`, s.newCategory())).
		want(http.StatusCreated)
	location := created.header.Get("Location")
	if want := fmt.Sprintf("%s/%d", productsPath, decode[services.Product](created).ID); location != want {
		t.Fatalf("Location is %q, want %q", location, want)
	}
	shown := s.visitor().get(location).want(http.StatusOK)
	if string(shown.body) != string(created.body) || shown.header.Get("ETag") != created.header.Get("ETag") {
		t.Errorf("created %s\nshown   %s", created.body, shown.body)
	}
}

func TestUpdate_IsAMergePatch(t *testing.T) {
	s := shared(t)
	admin, path := s.admin(), s.product()
	before := decode[services.Product](s.visitor().get(path))

	p := decode[services.Product](admin.send("PATCH", path, `{"priceCents":5}`, "Content-Type", "application/merge-patch+json").want(http.StatusOK))
	if p.PriceCents != 5 || p.Name != before.Name || p.Description != before.Description || !p.UpdatedAt.After(before.UpdatedAt) {
		t.Errorf("what is not named must stay: got %+v, was %+v", p, before)
	}
	changed := admin.send("PATCH", path, `{"description":null,"name":"New"}`).want(http.StatusOK)
	if p = decode[services.Product](changed); p.Description != "" || p.Name != "New" || p.PriceCents != 5 {
		t.Errorf("null must remove the description: got %+v", p)
	}
	for _, body := range []string{`{}`, `{"name":"New"}`} { // change nothing
		got := admin.send("PATCH", path, body).want(http.StatusOK)
		if string(got.body) != string(changed.body) || got.header.Get("ETag") != changed.header.Get("ETag") {
			t.Errorf("%s: %s %s, want %s", body, got.header.Get("ETag"), got.body, changed.body)
		}
	}
	admin.send("PATCH", path, `{"name":null}`).invalid("name")
	admin.send("PATCH", path, `{"stock":5}`).invalid("stock")
	admin.send("PATCH", path, `{"categoryId":999999999}`).invalid("categoryId")
}

func TestUpdate_IfMatchTellsAStaleEdit(t *testing.T) {
	s := shared(t)
	admin, path := s.admin(), s.product()
	etag := func() string { return s.visitor().get(path).want(http.StatusOK).header.Get("ETag") }
	first := etag()
	second := admin.send("PATCH", path, `{"name":"Second"}`, "If-Match", first).want(http.StatusOK).header.Get("ETag")
	for _, tag := range []string{first, "W/" + second, `"abc"`, `"9000000000-0"`} {
		admin.send("PATCH", path, `{"name":"Lost"}`, "If-Match", tag).problem(http.StatusPreconditionFailed)
		admin.send("DELETE", path, "", "If-Match", tag).problem(http.StatusPreconditionFailed)
	}
	if p := decode[services.Product](s.visitor().get(path)); p.Name != "Second" {
		t.Errorf("a stale edit was written: %+v", p)
	}

	// A sale and a review change the ETag, and are none of the editor's concern.
	seen := map[string]bool{first: true, second: true, etag(): true}
	admin.send("PUT", path+"/stock", `{"quantity":4}`).want(http.StatusAccepted)
	seen[etag()] = true
	admin.send("POST", path+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	seen[etag()] = true
	if len(seen) != 4 {
		t.Errorf("the ETags are %v", seen)
	}
	admin.send("PATCH", path, `{"name":"Third"}`, "If-Match", second).want(http.StatusOK)
	admin.send("PATCH", path, `{"name":"Any"}`, "If-Match", "*").want(http.StatusOK)
	fresh := etag()
	admin.send("DELETE", path, "", "If-Match", fresh).want(http.StatusNoContent)
	admin.send("PATCH", path, `{"name":"Late"}`, "If-Match", fresh).problem(http.StatusNotFound)
}

func TestDelete_HidesTheProductForGood(t *testing.T) {
	s := shared(t)
	admin, path := s.admin(), s.product()
	admin.send("DELETE", path, "").want(http.StatusNoContent)
	for _, c := range []struct {
		by                 *client
		method, path, body string
	}{
		{s.visitor(), "GET", path, ""}, {admin, "DELETE", path, ""}, {admin, "PATCH", path, `{"name":"Back"}`},
		{admin, "PUT", path + "/stock", `{"quantity":1}`}, {admin, "POST", path + "/reviews", `{"rating":1,"body":"Gone."}`},
	} {
		c.by.send(c.method, c.path, c.body).problem(http.StatusNotFound)
	}
}

// That a user reviews a product once, repositories show.
func TestReview_IsShownAtOnce(t *testing.T) {
	s := shared(t)
	member, path := s.member(), s.product()
	const body = `{"rating":5,"body":"Line one.\nLine two.\t🙂"}`
	review := decode[services.Review](member.send("POST", path+"/reviews", body).want(http.StatusCreated))
	if p := decode[services.Product](s.visitor().get(path)); len(p.Reviews) != 1 || p.Reviews[0] != review ||
		review.Author != "max" || review.Body != "Line one.\nLine two.\t🙂" {
		t.Errorf("got %+v, shown are %+v", review, p.Reviews)
	}
	for body, field := range map[string]string{`{"body":"x"}`: "rating", `{"rating":4.5,"body":"x"}`: "rating", `{"rating":5,"body":" \n"}`: "body"} {
		member.send("POST", path+"/reviews", body).invalid(field)
	}
}

// isAnswered reports whether an answer is there already.
func (w *wire) isAnswered() bool {
	_ = w.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := w.in.Peek(1)
	_ = w.conn.SetReadDeadline(time.Now().Add(time.Minute))
	return err == nil
}
