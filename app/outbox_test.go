package app_test

import (
	"net/http"
	"testing"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services"
)

func TestOutbox_AMailThatCannotBeReadIsGivenUpAtOnce(t *testing.T) {
	s, _ := withMail(t)
	s.exec(`INSERT INTO outbox (kind, payload) VALUES ('reset-password', '["no object"]')`)
	s.visitor().send("POST", accountPath+"/reset", object("email", "nobody@people.example")).want(http.StatusAccepted) // a run
	devtest.Eventually(t, "it was tried, and the other one sent", func() bool {
		return s.ids("SELECT count(*) FROM outbox")[0] == 1 && s.ids("SELECT count(*) FROM outbox WHERE error <> ''")[0] == 1
	})
	s.log = s.log.fromNow() // has the error that tells of it
	if n := s.ids("SELECT count(*) FROM outbox WHERE given_up")[0]; n != 1 {
		t.Error("it is tried again")
	}
}

// The job runs without a mail server too, and mails wait for one.
func TestOutbox_AnUnknownKindIsGivenUpAtOnce(t *testing.T) {
	s := start(t, "APP_ENV=production")
	c := s.member()
	s.exec(`INSERT INTO outbox (kind, payload) VALUES ('print-order', '{}')`)
	s.link("a-run", services.EmailLink, c.user.ID, "another@people.example")
	c.send("PUT", accountPath+"/email", object("token", "a-run")).want(http.StatusOK) // leaves a mail
	devtest.Eventually(t, "both were tried", func() bool {
		return s.ids("SELECT count(*) FROM outbox WHERE error <> ''")[0] == 2
	})
	s.log = s.log.fromNow() // has the error that tells of the one that is given up
	for query, want := range map[string]int64{
		"SELECT count(*) FROM outbox WHERE given_up AND kind = 'print-order' AND error LIKE '%print-order%'":    1,
		"SELECT count(*) FROM outbox WHERE NOT given_up AND kind = 'email-changed' AND error LIKE '%SMTP_URL%'": 1,
	} {
		if got := s.ids(query)[0]; got != want {
			t.Errorf("%s: %d", query, got)
		}
	}
}
