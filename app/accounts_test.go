package app_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

const accountPath = "/api/v1/account"

// object is a JSON object, names and values in turn.
func object(pairs ...string) string {
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(fields)
	return string(text)
}

// withMail starts a service that sends its mails to a server of the test.
func withMail(t *testing.T, settings ...string) (*service, *devtest.MailServer) {
	t.Helper()
	server := devtest.SMTP(t)
	return start(t, append([]string{
		"SIGN_UP=true", "PUBLIC_URL=https://shop.example/", "SMTP_URL=" + server.URL, "MAIL_FROM=Shop <shop@shop.example>",
	}, settings...)...), server
}

var linkInMail = regexp.MustCompile(`https://shop\.example/account/(password|email)\?token=([A-Z2-7]{26})\n`)

// nextMail waits for the mail number n, counted from 1.
func nextMail(t *testing.T, server *devtest.MailServer, n int) devtest.Mail {
	t.Helper()
	devtest.Eventually(t, "a mail arrives", func() bool { return len(server.Mails()) >= n })
	return server.Mails()[n-1]
}

// tokenIn is the one of the link in a mail.
func tokenIn(t *testing.T, m devtest.Mail) string {
	t.Helper()
	found := linkInMail.FindStringSubmatch(m.Text)
	if found == nil {
		t.Fatalf("the mail has no link:\n%s", m.Text)
	}
	return found[2]
}

func TestAccount_SignUpByALinkThatWorksOnce(t *testing.T) {
	s, server := withMail(t)
	c := s.visitor()
	c.send("POST", accountPath, object("email", " New@people.example ", "name", "You have won https://evil.example")).want(http.StatusAccepted)
	mail := nextMail(t, server, 1)
	if mail.To != "new@people.example" || strings.Contains(mail.Text, "won") { // anybody may enter anybody's address
		t.Errorf("the mail is %+v", mail)
	}
	link := tokenIn(t, mail)
	for _, row := range []string{"SELECT count(*) FROM account_links WHERE encode(token_hash, 'escape') = $1", "SELECT count(*) FROM outbox WHERE payload::text LIKE '%' || $1 || '%'"} {
		if n := s.ids(row, link)[0]; n != 0 {
			t.Error("the token is stored as it is")
		}
	}
	c.send("POST", accountPath+"/password", object("token", link, "password", "short")).invalid("password")
	in := c.send("POST", accountPath+"/password", object("token", link, "password", password)).want(http.StatusOK)
	if user := decode[services.User](in); user.Name != "You have won https://evil.example" || user.Role != services.Member {
		t.Errorf("the user is %+v", user)
	}
	c.get(sessionPath).want(http.StatusOK)
	c.send("POST", accountPath+"/password", object("token", link, "password", password)).problem(http.StatusNotFound)
	s.visitor().signIn("new@people.example", password).want(http.StatusOK)

	c.send("POST", accountPath, object("email", "new@people.example", "name", "Somebody else")).want(http.StatusAccepted)
	if mail := nextMail(t, server, 2); linkInMail.MatchString(mail.Text) || !strings.Contains(mail.Text, "It has one already") {
		t.Errorf("a known address gets %+v", mail)
	}
}

// Of two that complete at once, with one link or with two, one succeeds.
func TestAccount_TwoResetsAtOnce(t *testing.T) {
	s, server := withMail(t)
	user, other := s.user("max", services.Member), s.visitor()
	other.signIn(user.Email, password).want(http.StatusOK)
	for range 2 {
		s.visitor().send("POST", accountPath+"/reset", object("email", user.Email)).want(http.StatusAccepted)
	}
	tokens := []string{tokenIn(t, nextMail(t, server, 1)), tokenIn(t, nextMail(t, server, 2))}
	var mu sync.Mutex
	statuses := map[int]int{}
	var calls sync.WaitGroup
	for i := range 4 {
		calls.Go(func() {
			got := s.visitor().send("POST", accountPath+"/password", object("token", tokens[i%2], "password", "another long password"))
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	calls.Wait()
	if statuses[http.StatusOK] != 1 || statuses[http.StatusNotFound] != 3 {
		t.Errorf("the answers are %v", statuses)
	}
	other.get(sessionPath).problem(http.StatusUnauthorized)
	s.visitor().signIn(user.Email, password).problem(http.StatusUnauthorized)
	s.visitor().signIn(user.Email, "another long password").want(http.StatusOK)
}

func TestAccount_AnswersDoNotTellWhetherAnAddressIsKnown(t *testing.T) {
	s, server := withMail(t)
	known := s.user("max", services.Member)
	locked := s.user("robot", services.Member)
	s.exec("UPDATE users SET password_hash = '' WHERE id = $1", locked.ID)
	var first answer
	for i, email := range []string{known.Email, locked.Email, "nobody@people.example"} {
		for _, ask := range []struct{ path, body string }{
			{"/reset", object("email", email)}, {"", object("email", email, "name", "N")},
		} {
			got := s.visitor().send("POST", accountPath+ask.path, ask.body).want(http.StatusAccepted)
			got.header.Del("X-Request-Id")
			got.header.Del("Date")
			if i == 0 {
				first = got
			}
			if string(got.body) != string(first.body) || len(got.header) != len(first.header) {
				t.Errorf("%s is answered by %v %s, another one by %v %s", email, got.header, got.body, first.header, first.body)
			}
		}
	}
	// A reset for the known one, a notice each for the known two, a link for the unknown one.
	nextMail(t, server, 4)
	devtest.Eventually(t, "the outbox is empty", func() bool { return s.ids("SELECT count(*) FROM outbox")[0] == 0 })
	sent := map[string]int{}
	for _, mail := range server.Mails() {
		sent[mail.To+" "+mail.Subject]++
	}
	if len(server.Mails()) != 4 || sent[known.Email+" Choose another password"] != 1 || sent[locked.Email+" You have an account already"] != 1 {
		t.Errorf("sent are %v", sent)
	}
}

// Neither a request's time nor its SQL depends on what the address is.
func TestAccount_ARequestRunsTheSameStatementsForAnyAddress(t *testing.T) {
	s, _ := withMail(t, "LOG_LEVEL=debug")
	known := s.user("max", services.Member)
	statements := func(email string) (names []string) {
		a := s.visitor().send("POST", accountPath+"/reset", object("email", email)).want(http.StatusAccepted)
		id := a.header.Get("X-Request-Id")
		s.log.access(t, id)
		for _, line := range s.log.lines(t) {
			if line["request_id"] == id && line["name"] != nil {
				names = append(names, line["name"].(string))
			}
		}
		return names
	}
	a, b := statements(known.Email), statements("nobody@people.example")
	if strings.Join(a, " ") != "outbox.add" || strings.Join(b, " ") != "outbox.add" {
		t.Errorf("the statements are %v and %v", a, b)
	}
}

func TestAccount_AChangeOfThePasswordEndsAllOtherSessions(t *testing.T) {
	s, server := withMail(t)
	c := s.member()
	other := s.visitor()
	other.signIn(c.user.Email, password).want(http.StatusOK)
	s.visitor().send("POST", accountPath+"/reset", object("email", c.user.Email)).want(http.StatusAccepted)
	link := tokenIn(t, nextMail(t, server, 1))

	c.send("PUT", accountPath+"/password", object("currentPassword", "wrong", "password", "another long password")).invalid("currentPassword")
	c.send("PUT", accountPath+"/password", object("currentPassword", password, "password", "short")).invalid("password")
	other.get(sessionPath).want(http.StatusOK)
	c.send("PUT", accountPath+"/password", object("currentPassword", password, "password", "another long password")).want(http.StatusOK)
	c.get(sessionPath).want(http.StatusOK)
	other.get(sessionPath).problem(http.StatusUnauthorized)
	other.send("POST", accountPath+"/password", object("token", link, "password", password)).problem(http.StatusNotFound)
	s.visitor().signIn(c.user.Email, "another long password").want(http.StatusOK)

	other.signIn(c.user.Email, "another long password").want(http.StatusOK)
	c.send("DELETE", "/api/v1/sessions", "").want(http.StatusNoContent)
	c.get(sessionPath).problem(http.StatusUnauthorized)
	other.get(sessionPath).problem(http.StatusUnauthorized)
}

func TestAccount_AnotherAddressIsConfirmedAndTheOldOneTold(t *testing.T) {
	s, server := withMail(t)
	c, other := s.member(), s.member()
	ask := func(email, password string) answer {
		t.Helper()
		return c.send("POST", accountPath+"/email", object("email", email, "currentPassword", password))
	}
	ask("new@people.example", "wrong").invalid("currentPassword")
	ask("nobody", password).invalid("email")
	ask(other.user.Email, password).want(http.StatusAccepted)
	if mail := nextMail(t, server, 1); mail.To != other.user.Email || linkInMail.MatchString(mail.Text) {
		t.Errorf("an address that is taken gets %+v", mail)
	}
	ask("new@people.example", password).want(http.StatusAccepted)
	link := tokenIn(t, nextMail(t, server, 2))
	confirm := func(by *client) answer { return by.send("PUT", accountPath+"/email", object("token", link)) }
	s.visitor().send("POST", accountPath+"/password", object("token", link, "password", password)).problem(http.StatusNotFound)
	taken := s.user("nina", services.Member)
	s.exec("UPDATE users SET email = 'new@people.example' WHERE id = $1", taken.ID)
	confirm(c).problem(http.StatusConflict)
	s.exec("UPDATE users SET email = 'other@people.example' WHERE id = $1", taken.ID)

	confirm(c).want(http.StatusOK)
	if me := decode[services.User](c.get(sessionPath).want(http.StatusOK)); me.Email != "new@people.example" {
		t.Errorf("the user is %+v", me)
	}
	confirm(c).problem(http.StatusNotFound)
	if mail := nextMail(t, server, 3); mail.To != c.user.Email || mail.Subject != "Your e-mail address was changed" {
		t.Errorf("the old address gets %+v", mail)
	}
	s.visitor().signIn(c.user.Email, password).problem(http.StatusUnauthorized)
	s.visitor().signIn("new@people.example", password).want(http.StatusOK)
}

// While the change is hashed, the owner resets the password: the change must not undo that.
func TestAccount_AResetIsNotUndoneByAChangeByTheOldPassword(t *testing.T) {
	s, server := withMail(t, "PASSWORD_CONCURRENCY=1")
	for i := range 4 {
		c := s.member()
		s.visitor().send("POST", accountPath+"/reset", object("email", c.user.Email)).want(http.StatusAccepted)
		link := tokenIn(t, nextMail(t, server, i+1))
		var calls sync.WaitGroup
		var changed, reset answer
		calls.Go(func() {
			changed = c.send("PUT", accountPath+"/password", object("currentPassword", password, "password", "the old one's password"))
		})
		calls.Go(func() {
			reset = s.visitor().send("POST", accountPath+"/password", object("token", link, "password", "another long password"))
		})
		calls.Wait()
		if changed.status == http.StatusOK && reset.status == http.StatusOK {
			t.Error("both succeed")
		}
	}
}

// A mail that waits for its server must not bring a link that a change of the password has ended.
func TestAccount_AChangeOfThePasswordEndsMailsThatWait(t *testing.T) {
	s, server := withMail(t)
	c := s.member()
	server.Refuse(devtest.ErrBusy)
	c.send("POST", accountPath+"/email", object("email", "new@people.example", "currentPassword", password)).want(http.StatusAccepted)
	devtest.Eventually(t, "the first attempt has failed", func() bool {
		return s.ids("SELECT count(*) FROM outbox WHERE error <> ''")[0] == 1
	})
	c.send("PUT", accountPath+"/password", object("currentPassword", password, "password", "another long password")).want(http.StatusOK)
	server.Refuse(nil)
	s.exec("UPDATE outbox SET due_at = clock_timestamp()")
	s.visitor().send("POST", accountPath+"/reset", object("email", "nobody@people.example")).want(http.StatusAccepted) // a run
	devtest.Eventually(t, "the outbox is empty", func() bool { return s.ids("SELECT count(*) FROM outbox")[0] == 0 })
	if mails := server.Mails(); len(mails) != 0 {
		t.Errorf("sent are %+v", mails)
	}
}

// Each would be sent to ada@people.example, past the limit of that mailbox, or to nobody.
func TestAccount_AnAddressHasOneForm(t *testing.T) {
	s := shared(t)
	for _, email := range []string{
		"x<ada@people.example>", "<ada@people.example>", "ada@people.example(x)", "=?utf-8?q?You_won?=<ada@people.example>",
		`"x"<ada@people.example>`, `"ada"@people.example`, "ada@people.example,eve@people.example",
	} {
		s.visitor().send("POST", accountPath+"/reset", object("email", email)).invalid("email")
	}
}

func TestAccount_DeletionNeedsThePassword(t *testing.T) {
	s := shared(t)
	c := s.member()
	c.send("DELETE", accountPath, object("currentPassword", "wrong")).invalid("currentPassword")
	c.send("DELETE", accountPath, "{}").invalid("currentPassword")
	c.get(sessionPath).want(http.StatusOK)
	c.send("DELETE", accountPath, object("currentPassword", password)).want(http.StatusNoContent)
	c.get(sessionPath).problem(http.StatusUnauthorized)
	s.visitor().signIn(c.user.Email, password).problem(http.StatusUnauthorized)
}

func TestAccount_MailsAreLimitedAndSignUpMayBeClosed(t *testing.T) {
	s, server := withMail(t, "SIGN_UP=false")
	s.visitor().send("POST", accountPath, object("email", "a@people.example", "name", "A")).problem(http.StatusForbidden)
	for range 3 {
		s.visitor().send("POST", accountPath+"/reset", object("email", "a@people.example")).want(http.StatusAccepted)
	}
	s.visitor().send("POST", accountPath+"/reset", object("email", "A@people.example")).problem(http.StatusTooManyRequests)
	devtest.Eventually(t, "the outbox is empty", func() bool { return s.ids("SELECT count(*) FROM outbox")[0] == 0 })
	if mails := server.Mails(); len(mails) != 0 {
		t.Errorf("sent are %v", mails)
	}
	none := start(t, "APP_ENV=production")
	none.visitor().send("POST", accountPath+"/reset", object("email", "a@people.example")).problem(http.StatusForbidden)
}

// Some mail servers tell Max from max.
func TestAccount_AResetGoesToTheAddressAsItIsStored(t *testing.T) {
	s, server := withMail(t)
	s.exec("UPDATE users SET email = 'Max@people.example' WHERE id = $1", s.user("max", services.Member).ID)
	s.visitor().send("POST", accountPath+"/reset", object("email", "max@people.example")).want(http.StatusAccepted)
	if mail := nextMail(t, server, 1); mail.To != "Max@people.example" {
		t.Errorf("the mail is %+v", mail)
	}
}

// A mail that cannot be sent now is sent later.
func TestAccount_MailsSurviveAnOutageOfTheServer(t *testing.T) {
	s, server := withMail(t)
	user := s.user("max", services.Member)
	server.Refuse(devtest.ErrBusy)
	s.visitor().send("POST", accountPath+"/reset", object("email", user.Email)).want(http.StatusAccepted)
	devtest.Eventually(t, "the first attempt has failed", func() bool {
		return s.ids("SELECT count(*) FROM outbox WHERE error <> ''")[0] == 1
	})
	server.Refuse(nil)
	s.exec("UPDATE outbox SET due_at = clock_timestamp()")
	s.visitor().send("POST", accountPath+"/reset", object("email", "nobody@people.example")).want(http.StatusAccepted) // a run
	s.visitor().send("POST", accountPath+"/password", object("token", tokenIn(t, nextMail(t, server, 1)), "password", password)).want(http.StatusOK)
}

func TestDevelopment_ShowsMailsToThisMachineAlone(t *testing.T) {
	s := shared(t)
	for name, header := range map[string][]string{
		"another site's name": {"Host", "shop.example"}, "a proxy": {"X-Forwarded-For", "127.0.0.1"},
	} {
		if got := s.visitor().get("/_dev/mail", header...); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	if got := start(t, "APP_ENV=production").visitor().get("/_dev/mail"); got.status != http.StatusNotFound {
		t.Errorf("in production: %d", got.status)
	}
}

// Programs that look at mails follow the links in them.
func TestAccountPages_ALinkIsUsedByItsFormAlone(t *testing.T) {
	s := shared(t)
	user := s.user("max", services.Member)
	s.link("looked-at"+user.Email, services.ResetLink, user.ID, user.Email)
	s.exec("UPDATE account_links SET credentials_version = 1 WHERE user_id = $1", user.ID)
	path := "/account/password?token=looked-at" + user.Email
	for range 2 {
		got := s.visitor().page(path).want(http.StatusOK).shows(user.Email)
		if cache := got.header.Get("Cache-Control"); !strings.Contains(cache, "no-store") {
			t.Errorf("it may be kept: %q", cache)
		}
	}
	c := s.visitor()
	c.post("/account/password", "token", "looked-at"+user.Email, "password", "short").want(http.StatusUnprocessableEntity).shows("12 to 200")
	c.post("/account/password", "token", "looked-at"+user.Email, "password", "another long password").want(http.StatusSeeOther)
	c.page("/account?done=password").want(http.StatusOK).shows("The password is set.", user.Email)
	c.page(path).want(http.StatusNotFound).shows("This link is not valid any more.")
}

func TestAccountPages_TellWhatTheServiceDoesNotDo(t *testing.T) {
	s := start(t, "APP_ENV=production")
	s.visitor().page("/signup").want(http.StatusOK).shows("takes no new users")
	s.visitor().page("/reset").want(http.StatusOK).shows("sends no mail")
	s.visitor().post("/signup", "name", "N", "email", "n@people.example").want(http.StatusForbidden)
	if page := string(s.visitor().page("/login").body); strings.Contains(page, "/signup") || strings.Contains(page, "/reset") {
		t.Error("the page leads to what the service does not do")
	}
}

func TestAccount_ATokenGetsNoSessionByALink(t *testing.T) {
	s := shared(t)
	c := s.member()
	s.link("by-token", services.EmailLink, c.user.ID, "by-token@people.example")
	program := s.visitor()
	bearer := "Bearer " + c.token("read").Secret
	a := program.send("PUT", accountPath+"/email", object("token", "by-token"), "Authorization", bearer).want(http.StatusOK)
	if cookies := a.header.Values("Set-Cookie"); strings.Contains(strings.Join(cookies, ""), "session") {
		t.Errorf("a token gets %v", cookies)
	}
	program.get(sessionPath).problem(http.StatusUnauthorized)
}

func TestConfig_ThePublicURLIsASite(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://shop.example": true, "http://localhost:8080/": true, "": true, "https://[::1]:8080": true,
		"shop.example": false, "ftp://shop.example": false, "https://": false, "https://shop.example/path": false,
		"https://shop.example?": false, "https://shop.example?x": false, "https://shop.example#x": false,
		"https://ada@shop.example": false,
	} {
		if _, err := app.LoadConfig([]string{"PUBLIC_URL=" + url}, ""); (err == nil) != ok {
			t.Errorf("%s: error %v", url, err)
		}
	}
}
