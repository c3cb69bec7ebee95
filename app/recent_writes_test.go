package app_test

import (
	"fmt"
	"net/http"
	"path"
	"testing"

	"example.com/prefab/services"
)

// changeElsewhere changes a product's price as another instance does whose news
// has not come yet.
func (s *service) changeElsewhere(productPath string, price int64) {
	s.t.Helper()
	id := path.Base(productPath)
	s.exec("UPDATE products SET price_cents = $1 WHERE id = $2", price, id)
	if n := s.redis.Del(s.t.Context(), "prefab:cache:{product:"+id+"}:g").Val(); n != 1 {
		s.t.Fatal("the product was not cached")
	}
}

func TestRecentWrite_ItsSessionReadsPastTheProcessMemory(t *testing.T) {
	s := start(t)
	shown, other := s.product(), s.product()
	member := s.member()
	old := s.visitor().price(shown)
	s.changeElsewhere(shown, 4711)
	if got := s.visitor().price(shown); got != old {
		t.Fatalf("a visitor reads %d: the test shows nothing", got)
	}
	if got := member.price(shown); got != old {
		t.Errorf("a session that has not written reads %d, past memory", got)
	}
	member.send("POST", other+"/reviews", `{"rating":4,"body":"Good."}`).want(http.StatusCreated)
	if got := member.price(shown); got != 4711 {
		t.Errorf("after a write the session reads %d, want 4711", got)
	}
}

func TestRecentWrite_CookieInDevelopmentAndProduction(t *testing.T) {
	for _, test := range []struct {
		environment, session, name string
		secure                     bool
	}{{"development", sessionCookie, wroteCookie, false}, {"production", "__Host-session", "__Host-wrote", true}} {
		t.Run(test.environment, func(t *testing.T) {
			s := start(t, "APP_ENV="+test.environment)
			s.user("ada", services.Admin)
			in := s.visitor().signIn("ada"+emailDomain, password).want(http.StatusOK)
			session := fmt.Sprintf("%s=%s", test.session, in.cookie[0].Value)
			product := s.product()

			done := s.visitor().send("PATCH", product, `{"priceCents":1}`, "Cookie", session).want(http.StatusOK)
			if len(done.cookie) != 1 {
				t.Fatalf("got the cookies %v, want one", done.cookie)
			}
			c := done.cookie[0]
			if c.Name != test.name || c.Secure != test.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
				c.Path != "/" || c.Domain != "" || c.MaxAge != 5 {
				t.Errorf("got %s", c.Raw)
			}
			for what, a := range map[string]answer{
				"a read":           s.visitor().get(product, "Cookie", session),
				"a refused write":  s.visitor().send("PATCH", product, `{"priceCents":-1}`, "Cookie", session),
				"a crafted cookie": s.visitor().send("PATCH", product, `{"priceCents":1}`, "Cookie", test.session+"=x"),
				"a sign-in":        in,
			} {
				for _, c := range a.cookie {
					if c.Name == test.name {
						t.Errorf("%s is given %s", what, c.Raw)
					}
				}
			}
		})
	}
}
