package app_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

const (
	tokensPath = "/api/v1/tokens"
	tokensPage = "/account/tokens"
)

func init() { moreContractCases = append(moreContractCases, tokensContract) }

func tokensContract(s *service, by people) []contractCase {
	member, admin := by.member, by.admin
	const token = `{"name":"import","scope":"read","expiresInDays":1}`
	bearer := []string{"Authorization", "Bearer " + member.token("read").Secret}
	mine := tokensPath + "/" + strconv.FormatInt(member.token("read").ID, 10)
	another, full := member.token("read"), s.member()
	s.exec(`INSERT INTO api_tokens (user_id, name, scope, hash, credentials_version, expires_at)
		SELECT $1, 'old', 'read', n, 1, now() FROM generate_series(1, $2) n`, full.user.ID, services.MaxTokens)
	return []contractCase{
		{200, member, "GET", tokensPath, "", nil},
		{403, s.visitor(), "GET", tokensPath, "", bearer},
		{201, admin, "POST", tokensPath, token, nil},
		{403, s.visitor(), "POST", tokensPath, token, bearer},
		{409, full, "POST", tokensPath, token, nil},
		{403, s.visitor(), "DELETE", mine, "", bearer},
		{404, admin, "DELETE", mine, "", nil}, // another user's
		{422, member, "DELETE", tokensPath + "/0", "", nil},
		{204, member, "DELETE", mine, "", nil},
		{404, member, "DELETE", mine, "", nil},

		{200, member, "GET", tokensPage, "", asBrowser},
		{403, s.visitor(), "GET", tokensPage, "", bearer},
		{422, member, "GET", tokensPage + "?done=1&done=1", "", nil},
		{200, member, "POST", tokensPage, "name=import&scope=read&expiresInDays=1", asForm},
		{303, member, "POST", tokensPage, "revoke=" + strconv.FormatInt(another.ID, 10), asForm},
		{404, member, "POST", tokensPage, "revoke=999999", asForm},
		{409, full, "POST", tokensPage, "name=import&scope=read&expiresInDays=1", asForm},
		{422, member, "POST", tokensPage, "name=&scope=admin&expiresInDays=x", asForm},
	}
}

// token makes a token of the client, who has signed in.
func (c *client) token(scope services.Scope) services.NewToken {
	c.s.t.Helper()
	made := c.send("POST", tokensPath, `{"name":"import","scope":"`+string(scope)+`","expiresInDays":1}`)
	return decode[services.NewToken](made.want(http.StatusCreated))
}

// with asks by a token who it is for.
func (s *service) with(secret string) answer {
	s.t.Helper()
	return s.visitor().get(sessionPath, "Authorization", "Bearer "+secret)
}

func TestTokens_ActForTheirUserUntilTheyAreRevoked(t *testing.T) {
	one, other := two(t, devtest.Database(t), devtest.Redis(t))
	member := one.member()
	token := member.token(services.ScopeWrite)
	for _, s := range []*service{one, other} {
		got := s.with(token.Secret).want(http.StatusOK)
		if me := decode[services.User](got); me.ID != member.user.ID || got.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("it acts for %+v, with %v", me, got.header)
		}
		if len(got.cookie) > 0 {
			t.Errorf("it gets the cookies %v", got.cookie)
		}
	}
	list := member.get(tokensPath).want(http.StatusOK)
	if text := string(list.body); strings.Contains(text, token.Secret) || strings.Contains(text, "hash") {
		t.Errorf("the list tells the secret: %s", text)
	}
	member.send("DELETE", tokensPath+"/"+strconv.FormatInt(token.ID, 10), "").want(http.StatusNoContent)
	one.with(token.Secret).problem(http.StatusUnauthorized)
	devtest.Eventually(t, "the other process, which has it in memory, refuses it", func() bool {
		return other.with(token.Secret).status == http.StatusUnauthorized
	})
	for _, s := range []*service{one, other} {
		if strings.Contains(s.log.String(), token.Secret) {
			t.Error("the log has the token")
		}
	}
	for _, key := range one.keys("*") {
		if strings.Contains(key, token.Secret) {
			t.Errorf("the key %q tells the token", key)
		}
	}
}

func TestTokens_EndWithTheCredentialsOrTheUser(t *testing.T) {
	s := shared(t)
	for what, change := range map[string]string{
		"signed out everywhere": "UPDATE users SET credentials_version = credentials_version + 1 WHERE id = $1",
		"removed":               "DELETE FROM users WHERE id = $1",
	} {
		member := s.member()
		token := member.token(services.ScopeRead)
		s.with(token.Secret).want(http.StatusOK)
		s.exec(change, member.user.ID)
		devtest.Eventually(t, what+": the token is refused", func() bool { // SQL tells no cache
			got := s.with(token.Secret)
			return got.status == http.StatusUnauthorized && strings.Contains(got.header.Get("WWW-Authenticate"), "invalid_token")
		})
	}
}

func TestTokens_NeitherMakeTokensNorChangeTheAccount(t *testing.T) {
	s := shared(t)
	admin := s.admin()
	token := admin.token(services.ScopeAdmin)
	bearer := []string{"Authorization", "Bearer " + token.Secret}
	body := `{"name":"more","scope":"read","expiresInDays":1}`
	for _, c := range []struct{ method, path, body string }{
		{"DELETE", "/api/v1/sessions", ""}, {"DELETE", "/api/v1/account", `{}`}, {"PUT", "/api/v1/account/password", `{}`},
		{"POST", "/api/v1/account/email", `{}`}, {"DELETE", tokensPath + "/" + strconv.FormatInt(token.ID, 10), ""},
	} {
		admin.send(c.method, c.path, c.body, bearer...).problem(http.StatusForbidden)
	}
	for _, c := range []*client{s.visitor(), admin} { // the second has a session, too
		got := c.send("POST", tokensPath, body, bearer...)
		got.problem(http.StatusForbidden)
		if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, "insufficient_scope") {
			t.Errorf("the challenge is %s", challenge)
		}
	}
	if items := decode[struct{ Items []services.Token }](admin.get(tokensPath).want(http.StatusOK)).Items; len(items) != 1 {
		t.Errorf("the tokens are %v", items)
	}
}

func TestTokens_CountInTheHeaderAlone(t *testing.T) {
	s := shared(t)
	token := s.member().token(services.ScopeRead)
	for _, name := range []string{"access_token", "token"} {
		s.visitor().get(sessionPath + "?" + name + "=" + token.Secret).problem(http.StatusUnauthorized)
	}
	s.visitor().get(sessionPath, "Cookie", sessionCookie+"="+token.Secret).problem(http.StatusUnauthorized)
	s.visitor().get(sessionPath, "Proxy-Authorization", "Bearer "+token.Secret).problem(http.StatusUnauthorized)
}

// What a request with a token gets, no other request gets, and the other way round.
func TestTokens_TheirAnswersAreCachedForNobody(t *testing.T) {
	s := shared(t)
	token := s.member().token(services.ScopeRead)
	for range 2 {
		for _, path := range []string{"/", "/openapi.json"} {
			s.visitor().get(path).want(http.StatusOK)
			got := s.visitor().get(path, "Authorization", "Bearer "+token.Secret).want(http.StatusOK)
			if status := got.header.Get("Cache-Status"); strings.Contains(status, "hit") || strings.Contains(status, "stored") ||
				!strings.HasPrefix(got.header.Get("Cache-Control"), "private") {
				t.Errorf("%s: Cache-Status: %s, Cache-Control: %s", path, status, got.header.Get("Cache-Control"))
			}
		}
	}
	if page := s.visitor().page("/").want(http.StatusOK); strings.Contains(string(page.body), ">max</a>") {
		t.Error("a visitor gets the page of who has a token")
	}
}

func TestTokens_TheirLastUseIsStoredWhenTheProcessEnds(t *testing.T) {
	s := start(t)
	member := s.member()
	token := member.token(services.ScopeRead)
	s.with(token.Secret).want(http.StatusOK)
	s.transport.CloseIdleConnections()
	s.stop()
	if ids := s.ids("SELECT id FROM api_tokens WHERE last_used_at > now() - interval '1 hour'"); len(ids) != 1 {
		t.Errorf("the tokens with a use are %v", ids)
	}
}
