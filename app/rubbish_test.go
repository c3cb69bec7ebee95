package app_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"example.com/prefab/services"
)

// taker is a route that takes a body, with one that it likes, and the most it takes.
type taker struct {
	method, path, body string
	limit              int
}

func takers(product string) []taker {
	return []taker{
		{"POST", productsPath, `{"name":"Lamp","priceCents":1,"categoryId":1}`, 1 << 20},
		{"PATCH", product, `{"name":"Lamp"}`, 1 << 20},
		{"PUT", product + "/stock", `{"quantity":1}`, 32 << 10},
		{"POST", product + "/reviews", `{"rating":5,"body":"Good."}`, 32 << 10},
		{"POST", "/api/v1/session", `{"email":"nobody@people.example","password":"x"}`, 32 << 10},
	}
}

func TestBodies_ThatAreNotOneJSONObjectAre400(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for _, to := range takers(s.product()) {
		for _, body := range []string{
			" ", "{", "}", `{"name"`, `{"name":}`, "{'name':1}", "null", " null\n", "true", "1", `"text"`, "[]", `[{"name":"x"}]`,
			to.body + "x", to.body + to.body, to.body + "null", to.body + ",", "\xef\xbb\xbf" + to.body, "\u00a0" + to.body,
			`{"name":"` + "\xff\xfe" + `"}`, `{"` + "\x00" + `":1}`, "\x00", `{"name":"` + "\n" + `"}`, `{"name":"\x"}`, "name=Lamp",
			"<lamp/>", strings.Repeat("[", 100_000), strings.Repeat(`{"name":`, 100_000),
			`{"name":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, `{"rating":NaN}`, `{"rating":01}`,
		} {
			want := http.StatusBadRequest
			if len(body) > to.limit {
				want = http.StatusRequestEntityTooLarge
			}
			if got := admin.send(to.method, to.path, body); got.status != want {
				t.Errorf("%s %s with %.60q: %d, want %d", to.method, to.path, body, got.status, want)
			}
		}
		// Without a body the client sends no type either.
		admin.send(to.method, to.path, "").problem(http.StatusUnsupportedMediaType)
	}
}

func TestBodies_WithFieldsThatAreUnknownOrOfAnotherTypeAre422(t *testing.T) {
	s := start(t)
	admin := s.admin()
	for _, to := range takers(s.product()) {
		for body, field := range map[string]string{
			`{"unknown":1}`: "unknown", `{"id":1}`: "id", `{"active":false}`: "active", `{"__proto__":{}}`: "__proto__",
			`{"NAME":"x"}`: "NAME", `{"Quantity":1}`: "Quantity", `{"":1}`: "", `{"role":"admin"}`: "role", `{"password_hash":"x"}`: "password_hash",
			`{"` + strings.Repeat("x", 5000) + `":1}`: strings.Repeat("x", 100),
			`{"` + strings.Repeat("ä", 5000) + `":1}`: strings.Repeat("ä", 50),
		} {
			admin.send(to.method, to.path, body).invalid(field)
		}
	}
	product := s.product()
	for _, test := range []struct{ method, path, body, field string }{
		{"POST", productsPath, `{"name":1}`, "name"},
		{"POST", productsPath, `{"name":["x"]}`, "name"},
		{"POST", productsPath, `{"description":{}}`, "description"},
		{"POST", productsPath, `{"priceCents":"1"}`, "priceCents"},
		{"POST", productsPath, `{"priceCents":1.5}`, "priceCents"},
		{"POST", productsPath, `{"priceCents":1e400}`, "priceCents"},
		{"POST", productsPath, `{"priceCents":9223372036854775808}`, "priceCents"},
		{"POST", productsPath, `{"categoryId":true}`, "categoryId"},
		{"PATCH", product, `{"name":false}`, "name"},
		{"POST", "/api/v1/session", `{"email":1}`, "email"},
		{"POST", "/api/v1/session", `{"password":["x"]}`, "password"},
	} {
		admin.send(test.method, test.path, test.body).invalid(test.field)
	}
}

func TestBodies_OfAnotherTypeAre415(t *testing.T) {
	s := start(t)
	admin := s.admin()
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = zip.Write(make([]byte, 1<<20))
	_ = zip.Close()
	for _, to := range takers(s.product()) {
		for _, mediaType := range []string{
			"", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml",
			"application/jsonx", "application/json, text/plain", "application/json; charset", "*/*", ";;;",
		} {
			if got := admin.send(to.method, to.path, to.body, "Content-Type", mediaType); got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s %s as %q: %d, want 415", to.method, to.path, mediaType, got.status)
			}
		}
		for _, encoding := range []string{"gzip", "br", "deflate", "gzip, gzip"} {
			got := admin.send(to.method, to.path, zipped.String(), "Content-Encoding", encoding)
			if got.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s %s in %s: %d, want 415", to.method, to.path, encoding, got.status)
			}
		}
	}
}

// PostgreSQL cannot store a NUL; the rest nobody means.
func TestTexts_ControlCharactersAreRefused(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for _, bad := range []string{`\u0000`, `a\u0000`, `\u0001b`, `\u001b[31m`, `\u007f`, `x\u0085`, `\b`} {
		admin.send("POST", productsPath, `{"name":"x`+bad+`","priceCents":1,"categoryId":1}`).invalid("name")
		admin.send("PATCH", product, `{"name":"x`+bad+`"}`).invalid("name")
		admin.send("PATCH", product, `{"description":"x`+bad+`"}`).invalid("description")
		admin.send("POST", product+"/reviews", `{"rating":5,"body":"x`+bad+`"}`).invalid("body")
		// Who signs in hears no more than that the credentials are wrong.
		admin.send("POST", "/api/v1/session", `{"email":"x`+bad+`@people.example","password":"x"}`).problem(http.StatusUnauthorized)
		admin.send("POST", "/api/v1/session", `{"email":"ada@people.example","password":"x`+bad+`"}`).problem(http.StatusUnauthorized)
	}
}

func TestTexts_OfAnyLanguageComeBackAsTheyWere(t *testing.T) {
	s := start(t)
	admin, product := s.admin(), s.product()
	for _, name := range []string{
		"Ünïcödé", "日本語", "مصباح", "👩‍👩‍👧‍👦", "a\u0301", "<script>alert(1)</script>", `'; DROP TABLE products; --`, `\`, `"quoted"`, "%s%d", "\U0003134a",
	} {
		encoded := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
		if p := decode[services.Product](admin.send("PATCH", product, `{"name":"`+encoded+`"}`).want(http.StatusOK)); p.Name != name {
			t.Errorf("%q came back as %q", name, p.Name)
		}
	}
}
