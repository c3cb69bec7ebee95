package app_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

// example is a request of the operation, with the examples of the document.
func (s *spec) example(op operation) (path, body string, header []string) {
	path = op.path
	for name, at := range s.parameters(op) {
		if in, name, _ := strings.Cut(name, " "); in == "path" {
			path = strings.ReplaceAll(path, "{"+name+"}", plainText(s.object(at)["example"]))
		}
	}
	content := op.at + "/requestBody/content"
	for media := range s.object(content) {
		if media == formType {
			form := url.Values{}
			for name := range s.object(content + "/" + escape(media) + "/schema/properties") {
				form.Set(name, "nina"+emailDomain)
			}
			return path, form.Encode(), asForm
		}
		body = plainText(s.object(content + "/" + escape(media))["example"])
	}
	return path, body, nil
}

// documents tells whether the operation has an answer with the status.
func (s *spec) documents(op operation, status int) bool {
	return s.object(op.at + "/responses")[strconv.Itoa(status)] != nil
}

// Each 503 that the document lists is real: a service that has not started yet gives it.
func TestContract_EveryDocumented503IsReal(t *testing.T) {
	postgres := devtest.OwnPostgres(t)
	postgres.Signal(syscall.SIGSTOP)
	s, doc := launchOn(t, postgres.URL, devtest.Redis(t)), theSpec(t)
	for _, op := range doc.operations {
		if doc.documents(op, http.StatusServiceUnavailable) {
			path, body, header := doc.example(op)
			if got := s.visitor().send(op.method, path, body, header...); got.status != http.StatusServiceUnavailable {
				t.Errorf("%s: %d, and 503 is documented", got.asked, got.status)
			}
		}
	}
	postgres.Start()
	devtest.Eventually(t, "the service is ready", func() bool { return s.visitor().get("/health/ready").status == http.StatusOK })
}

// without500 are the operations that do not ask PostgreSQL, and why a test cannot make them fail.
// TestErrorHandler_AnswersAndLogs and TestRecover_AnswersAPanicAndLogsWhereItCameFrom show what
// they answer if they do.
var without500 = map[string]string{
	"isLive": "answers from memory", "isReady": "answers from memory", "showHealth": "tells of a failure by 503",
	"showOpenAPI": "answers from memory", "showDocs": "answers from memory", "showDocsFile": "reads a file",
	"showStaticFile": "reads a file", "showIcon": "reads a file", "showRobots": "reads a file",
	"showLoginPage": "shows a form", "showSignUpPage": "shows a form", "showResetPage": "shows a form",
	"signOut": "asks Redis alone", "postLogout": "asks Redis alone",
	"showHome": "shows a page", // where the sample is removed
}

// Each 500 that the document lists is real: a service whose tables have gone gives it.
func TestContract_EveryDocumented500IsReal(t *testing.T) {
	s, doc := start(t, "CACHE_TTL=0s", "HTTP_CACHE_TTL=0s", "SIGN_UP=true"), theSpec(t)
	visitor, admin := s.visitor(), s.admin()
	s.exec("DROP SCHEMA public CASCADE")
	for _, op := range doc.operations {
		if !doc.documents(op, http.StatusInternalServerError) {
			continue
		}
		path, body, header := doc.example(op)
		by := visitor
		if guard, _ := doc.follow(op.at + "/security"); guard != nil {
			by = admin
		}
		got := by.send(op.method, path, body, header...)
		id, _ := doc.object(op.at)["operationId"].(string)
		if without500[id] == "" && got.status != http.StatusInternalServerError {
			t.Errorf("%s: %d, and 500 is documented; if it asks no database, add %s to without500: %s", got.asked, got.status, id, got.body)
		}
	}
	s.log = s.log.fromNow() // it tells the errors
}
