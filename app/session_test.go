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

const sessionPath = "/api/v1/session"

// sessionKeys begin with this, and 26 characters follow.
const sessionKeys = "prefab:session:"

func TestSession_SignInWhoAmISignOut(t *testing.T) {
	s := shared(t)
	user, c := s.user("max", services.Member), s.visitor()
	c.get(sessionPath).problem(http.StatusUnauthorized)

	in := c.signIn(strings.ToUpper(" "+user.Email+" "), password).want(http.StatusOK)
	want := fmt.Sprintf(`{"id":%d,"email":%q,"name":"max","role":"member"}`, user.ID, user.Email)
	me := c.get(sessionPath).want(http.StatusOK)
	for _, got := range []answer{in, me} {
		if cache := got.header.Get("Cache-Control"); string(got.body) != want || cache != "private, no-store" {
			t.Errorf("%s: got %s with Cache-Control %q, want %s", got.asked, got.body, cache, want)
		}
	}
	// A second sign-in ends the first session: its id may be one that an attacker has planted.
	first := sessionCookie + "=" + c.cookie(sessionCookie)
	c.signIn(user.Email, password).want(http.StatusOK)
	second := sessionCookie + "=" + c.cookie(sessionCookie)
	s.visitor().get(sessionPath, "Cookie", first).problem(http.StatusUnauthorized)
	s.visitor().get(sessionPath, "Cookie", second).want(http.StatusOK)
	other := s.visitor()
	other.signIn(user.Email, password).want(http.StatusOK)

	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
	if id := c.cookie(sessionCookie); id != "" {
		t.Errorf("the cookie is still %q", id)
	}
	s.visitor().get(sessionPath, "Cookie", second).problem(http.StatusUnauthorized)
	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
	other.get(sessionPath).want(http.StatusOK)
}

// What is sent to Redis a second time may arrive a second time: after the sign-out.
func TestSession_SavedLateIsOfNoUse(t *testing.T) {
	line := devtest.Slow(t, devtest.Redis(t))
	s := startOn(t, devtest.Database(t), line.URL)
	c := s.visitor()
	user := s.user("max", services.Member)
	release := line.Hold(t, devtest.Hold{
		Text: fmt.Sprintf("set\r\n$%d\r\n%s", len(sessionKeys)+26, sessionKeys), Pieces: 1,
	})
	in := c.signIn(user.Email, password)
	if id := c.cookie(sessionCookie); in.status != http.StatusServiceUnavailable || id != "" {
		t.Errorf("the sign-in is answered by %d, with the cookie %q", in.status, id)
	}
	release()
	devtest.Eventually(t, "the session is saved", func() bool { return len(s.keys("prefab:session:*")) == 1 })
	c.get(sessionPath).problem(http.StatusUnauthorized)
	c.signIn(user.Email, password).want(http.StatusOK)
}

func TestProduction_HasASecureCookieAndTellsNoDetailOfItsHealth(t *testing.T) {
	for _, test := range []struct {
		environment, name string
		secure            bool
	}{{"development", sessionCookie, false}, {"production", "__Host-session", true}} {
		s := start(t, "APP_ENV="+test.environment, "SESSION_TTL=2h")
		in := s.visitor().signIn(s.user("max", services.Member).Email, password).want(http.StatusOK)
		if len(in.cookie) != 1 {
			t.Fatalf("got the cookies %v, want one", in.cookie)
		}
		c := in.cookie[0]
		if c.Name != test.name || c.Secure != test.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
			c.Path != "/" || c.Domain != "" || len(c.Value) != 26 {
			t.Errorf("got %s", c.Raw)
		}
		// A Max-Age or an Expires, and either as long as the session.
		if left := time.Until(c.Expires).Round(time.Hour); c.MaxAge != 7200 && left != 2*time.Hour {
			t.Errorf("it ends another time than the session: %s", c.Raw)
		}
		if ttl := s.redis.TTL(t.Context(), "prefab:session:"+c.Value).Val().Round(time.Hour); ttl != 2*time.Hour {
			t.Errorf("Redis keeps the session for %s", ttl)
		}
		s.visitor().get(sessionPath, "Cookie", c.Name+"="+c.Value).want(http.StatusOK)
		other := map[string]string{sessionCookie: "__Host-session", "__Host-session": sessionCookie}[c.Name]
		s.visitor().get(sessionPath, "Cookie", other+"="+c.Value).problem(http.StatusUnauthorized)

		h := decode[map[string]any](s.visitor().get("/health").want(http.StatusOK))
		if _, detail := h["database"]; detail == test.secure {
			t.Errorf("in %s, /health tells %v", test.environment, h)
		}
	}
}

func TestSignIn_DoesNotTellWhoHasAnAccountNorLogsThePassword(t *testing.T) {
	s := shared(t)
	member, robot := s.user("max", services.Member), s.user("robot", services.Member)
	s.exec("UPDATE users SET password_hash = '' WHERE id = $1", robot.ID)
	const secret = "my wrong secret"
	header := func(a answer) string {
		h := a.header.Clone()
		h.Del("X-Request-Id")
		h.Del("Date")
		return fmt.Sprint(h)
	}
	wrong := s.visitor().signIn(member.Email, secret).want(http.StatusUnauthorized)
	for _, test := range []struct{ email, password string }{
		{"nobody" + emailDomain, password}, {member.Email, ""}, {member.Email, password + " "}, {"", password},
		{member.Email + "\x00", password}, {robot.Email, ""}, {robot.Email, password}, {"%" + emailDomain, password},
		{strings.Repeat("x", 10_000) + emailDomain, password}, {member.Email, strings.Repeat("x", 30_000)},
	} {
		got := s.visitor().signIn(test.email, test.password).want(http.StatusUnauthorized)
		if string(got.body) != string(wrong.body) || header(got) != header(wrong) {
			t.Errorf("%.40q is answered otherwise:\n%s %v\n%s %v", test.email, got.body, got.header, wrong.body, wrong.header)
		}
	}
	s.visitor().send("POST", sessionPath, `{"email":"max@people.example","password":["`+secret+`"]}`).invalid("password")
	s.visitor().send("POST", sessionPath, `{"email":"max@people.example","password":"`+secret).problem(http.StatusBadRequest)
	if strings.Contains(s.log.String(), secret) { // what else must not be there, checkLog looks for
		t.Error("the log has a password")
	}
	for _, key := range s.keys("*") {
		if strings.Contains(key, emailDomain) {
			t.Errorf("the key %q tells an address", key)
		}
	}
}

func TestSession_VisitorsAndCraftedCookiesLeaveNothingInRedis(t *testing.T) {
	s := shared(t)
	before := len(s.keys("prefab:s*")) // of sessions and sign-ins
	for _, cookie := range []string{
		"", "../../etc/passwd", "*", "%00", `"AAAAAAAAAAAAAAAAAAAAAAAAAA"`, "prefab:sign-in:account:x",
		"AAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAA\xff", "ÄÄÄÄÄÄÄÄÄÄÄÄÄ", strings.Repeat("A", 6000),
		"x; " + sessionCookie + "=y; " + sessionCookie + "=AAAAAAAAAAAAAAAAAAAAAAAAAA",
	} {
		cookie = sessionCookie + "=" + cookie
		s.visitor().get(sessionPath, "Cookie", cookie).problem(http.StatusUnauthorized)
		s.visitor().get("/login", "Cookie", cookie).want(http.StatusOK)
		s.visitor().send("DELETE", sessionPath, "", "Cookie", cookie).want(http.StatusNoContent)
	}
	for _, path := range []string{"/login", "/health", "/openapi.json", "/nowhere"} {
		if got := s.visitor().get(path); len(got.cookie) > 0 {
			t.Errorf("%s sets %v", path, got.cookie)
		}
	}
	if keys := s.keys("prefab:s*"); len(keys) != before {
		t.Errorf("Redis has %v", keys)
	}
}
