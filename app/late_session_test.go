package app_test

import (
	"net/http"
	"testing"

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
	eventually(t, "the session is saved", func() bool { return len(s.keys("prefab:session:*")) == 1 })
	s.visitor().get(sessionPath, "Cookie", sessionCookie+"="+id).problem(http.StatusUnauthorized)
	c.signIn("max"+emailDomain, password).want(http.StatusOK)
}
