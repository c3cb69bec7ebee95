package app_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

// What is sent to Redis a second time may arrive a second time: after the sign-out.
func TestSession_SavedLateIsOfNoUse(t *testing.T) {
	line := devtest.Slow(t, devtest.Redis(t))
	s := startOn(t, devtest.Database(t), line.URL)
	s.user("max", services.Member)
	c := s.visitor()
	release := line.Hold(t, devtest.Hold{Text: "set\r\n$41\r\nprefab:session:", Pieces: 1})
	in := c.signIn("max"+emailDomain, password)
	id := c.cookie(sessionCookie)
	if in.status != http.StatusServiceUnavailable || id != "" {
		t.Errorf("the sign-in is answered by %d, with the cookie %q", in.status, id)
	}
	c.send(http.MethodDelete, sessionPath, "").want(http.StatusNoContent)
	release()
	devtest.Eventually(t, "the session is saved", func() bool { return len(s.keys("prefab:session:*")) == 1 })
	s.visitor().get(sessionPath, "Cookie", sessionCookie+"="+id).problem(http.StatusUnauthorized)
	c.signIn("max"+emailDomain, password).want(http.StatusOK)
}

const sessionPath = "/api/v1/session"

func TestSession_SignInWhoAmISignOut(t *testing.T) {
	s := start(t)
	user, c := s.user("max", services.Member), s.visitor()
	c.get(sessionPath).problem(http.StatusUnauthorized)

	in := c.signIn(strings.ToUpper(" "+user.Email+" "), password).want(http.StatusOK)
	want := fmt.Sprintf(`{"id":%d,"email":%q,"name":"max","role":"member"}`, user.ID, user.Email)
	if string(in.body) != want {
		t.Errorf("got %s, want %s", in.body, want)
	}
	me := c.get(sessionPath).want(http.StatusOK)
	if string(me.body) != want {
		t.Errorf("got %s, want %s", me.body, want)
	}
	for _, got := range []answer{in, me} {
		if cache := got.header.Get("Cache-Control"); cache != "private, no-store" {
			t.Errorf("%s: Cache-Control is %q", got.asked, cache)
		}
	}

	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
	if id := c.cookie(sessionCookie); id != "" {
		t.Errorf("the cookie is still %q", id)
	}
	c.get(sessionPath).problem(http.StatusUnauthorized)
	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
}

func TestSession_CookieInDevelopmentAndProduction(t *testing.T) {
	for _, test := range []struct {
		environment, name string
		secure            bool
	}{{"development", sessionCookie, false}, {"production", "__Host-session", true}} {
		t.Run(test.environment, func(t *testing.T) {
			s := start(t, "APP_ENV="+test.environment, "SESSION_TTL=2h")
			s.user("max", services.Member)
			in := s.visitor().signIn("max"+emailDomain, password).want(http.StatusOK)
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
			key := "prefab:session:" + c.Value
			if ttl := s.redis.TTL(t.Context(), key).Val().Round(time.Hour); ttl != 2*time.Hour {
				t.Errorf("Redis keeps the session for %s", ttl)
			}
			s.visitor().get(sessionPath, "Cookie", c.Name+"="+c.Value).want(http.StatusOK)
			other := map[string]string{sessionCookie: "__Host-session", "__Host-session": sessionCookie}[c.Name]
			s.visitor().get(sessionPath, "Cookie", other+"="+c.Value).problem(http.StatusUnauthorized)
		})
	}
}

// Fixation: an attacker who planted an id must not find it signed in.
func TestSession_SignInRenewsTheID(t *testing.T) {
	s := start(t)
	s.user("max", services.Member)
	const planted = "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	in := s.visitor().signIn("max"+emailDomain, password, "Cookie", sessionCookie+"="+planted).want(http.StatusOK)
	first := in.cookie[0].Value
	if first == planted {
		t.Fatal("the planted id is signed in")
	}
	again := s.visitor().signIn("max"+emailDomain, password, "Cookie", sessionCookie+"="+first).want(http.StatusOK)
	second := again.cookie[0].Value
	if second == first {
		t.Fatal("an id that somebody knew is signed in again")
	}
	for id, want := range map[string]int{planted: 401, first: 401, second: 200} {
		s.visitor().get(sessionPath, "Cookie", sessionCookie+"="+id).want(want)
	}
	if keys := s.keys("prefab:session:*"); !slices.Equal(keys, []string{"prefab:session:" + second}) {
		t.Errorf("Redis keeps %v, want the last session alone", keys)
	}
}

func TestSession_SignOutEndsItOnTheServer(t *testing.T) {
	s := start(t)
	c := s.member()
	stolen := sessionCookie + "=" + c.cookie(sessionCookie)
	other := s.visitor()
	other.signIn("max"+emailDomain, password).want(http.StatusOK)

	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
	s.visitor().get(sessionPath, "Cookie", stolen).problem(http.StatusUnauthorized)
	other.get(sessionPath).want(http.StatusOK)
	if keys := s.keys("prefab:session:*"); len(keys) != 1 {
		t.Errorf("Redis keeps %v, want the other session alone", keys)
	}
}

// What is changed in the database, past the program, is seen within seconds.
func TestSession_WhatAUserMayNoLongerDoIsSeen(t *testing.T) {
	s := start(t)
	admin := s.admin()
	admin.get(sessionPath).want(http.StatusOK)
	s.exec("UPDATE users SET role = 'member' WHERE name = 'ada'")
	devtest.Eventually(t, "no admin any more", func() bool {
		return strings.Contains(string(admin.get(sessionPath).want(http.StatusOK).body), `"role":"member"`)
	})
	s.exec("DELETE FROM users WHERE name = 'ada'")
	devtest.Eventually(t, "no user any more", func() bool { return admin.get(sessionPath).status == http.StatusUnauthorized })
}

func TestSignIn_DoesNotTellWhoHasAnAccount(t *testing.T) {
	s := start(t)
	s.user("max", services.Member)
	s.exec("INSERT INTO users (email, name, password_hash) VALUES ('robot@people.example', 'Robot', '')")
	header := func(a answer) http.Header {
		h := a.header.Clone()
		h.Del("X-Request-Id")
		h.Del("Date")
		return h
	}
	wrong := s.visitor().signIn("max"+emailDomain, "another password").want(http.StatusUnauthorized)
	for _, test := range []struct{ email, password string }{
		{"nobody" + emailDomain, password}, {"max" + emailDomain, ""}, {"max" + emailDomain, password + " "}, {"", password}, {"", ""},
		{"max", password}, {"@", password}, {"max" + emailDomain + "\x00", password}, {"max@people.example@people.example", password},
		{"robot" + emailDomain, ""}, {"robot" + emailDomain, password}, {"%" + emailDomain, password}, {"m_x" + emailDomain, password},
		{strings.Repeat("x", 10_000) + emailDomain, password}, {"max" + emailDomain, strings.Repeat("x", 30_000)},
	} {
		got := s.visitor().signIn(test.email, test.password).want(http.StatusUnauthorized)
		if string(got.body) != string(wrong.body) || fmt.Sprint(header(got)) != fmt.Sprint(header(wrong)) {
			t.Errorf("%.40q tells itself apart:\n%s %v\n%s %v", test.email, got.body, got.header, wrong.body, wrong.header)
		}
	}
}

func TestSession_CraftedCookiesAreNobodys(t *testing.T) {
	s := start(t)
	for _, cookie := range []string{
		"", "../../etc/passwd", "*", "%00", `"AAAAAAAAAAAAAAAAAAAAAAAAAA"`, "prefab:sign-in:account:x",
		"AAAAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAA1",
		"AAAAAAAAAAAAAAAAAAAAAAAAA\xff", "ÄÄÄÄÄÄÄÄÄÄÄÄÄ", strings.Repeat("A", 6000), "x; " + sessionCookie + "=y; " + sessionCookie + "=AAAAAAAAAAAAAAAAAAAAAAAAAA",
	} {
		cookie = sessionCookie + "=" + cookie
		s.visitor().get(sessionPath, "Cookie", cookie).problem(http.StatusUnauthorized)
		s.visitor().get("/login", "Cookie", cookie).want(http.StatusOK)
		s.visitor().send("DELETE", sessionPath, "", "Cookie", cookie).want(http.StatusNoContent)
	}
	if keys := s.keys("prefab:s*"); len(keys) > 0 { // of sessions and sign-ins
		t.Errorf("they left %v in Redis", keys)
	}
}

func TestSession_VisitorsLeaveNothingInRedis(t *testing.T) {
	s := start(t)
	c := s.visitor()
	for _, path := range []string{"/login", "/health", "/openapi.json", sessionPath, "/nowhere"} {
		if got := c.get(path); len(got.cookie) > 0 {
			t.Errorf("%s sets %v", path, got.cookie)
		}
	}
	c.send("DELETE", sessionPath, "").want(http.StatusNoContent)
	if keys := s.keys("prefab:s*"); len(keys) > 0 { // of sessions and sign-ins
		t.Errorf("visitors left %v in Redis", keys)
	}
}
