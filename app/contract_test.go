package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// blocked returns a client who has tried to sign in too often.
func (s *service) blocked() *client {
	s.t.Helper()
	c := s.visitor()
	for range 10 {
		c.signIn("blocked"+emailDomain, "wrong").want(http.StatusUnauthorized)
	}
	return c
}

// contractCase is a request and the status of its answer.
type contractCase struct {
	status       int
	by           *client
	method, path string
	body         string
	header       []string
}

// people are those who send the requests.
type people struct{ visitor, member, admin *client }

const (
	contractBodyLimit = 1024
	unknownField      = `{"unknown":1}`
)

var asForm = append(slices.Clone(asBrowser), "Content-Type", formType)

func tooLarge() string { return `{"name":"` + strings.Repeat("x", contractBodyLimit) + `"}` }

// moreContractCases are those of the resources, each in a file of its own.
var moreContractCases []func(s *service, by people) []contractCase

// Every answer that the document lists for an operation is one that a client can
// really get. 500 and 503 have tests of their own: a server must break for them.
func TestContract_EveryDocumentedAnswerIsReal(t *testing.T) {
	s := start(t, "BODY_LIMIT="+strconv.Itoa(contractBodyLimit), "SIGN_IN_LIMIT=10", "SIGN_UP=true")
	by := people{s.visitor(), s.member(), s.admin()}
	seen := make(map[string]bool)
	for _, cases := range append(moreContractCases, contractCases) { // the last ones sign out
		for _, c := range cases(s, by) {
			// That the answer is as the document says, the client checks.
			if got := c.by.send(c.method, c.path, c.body, c.header...); got.status != c.status {
				t.Errorf("%s: %d, want %d: %s", got.asked, got.status, c.status, got.body)
			}
			path, _, _ := strings.Cut(c.path, "?")
			if op, ok := theSpec(t).operation(c.method, path); ok {
				seen[op.at+"/responses/"+strconv.Itoa(c.status)] = true
			}
		}
	}
	for _, op := range theSpec(t).operations {
		for status := range theSpec(t).object(op.at + "/responses") {
			if !seen[op.at+"/responses/"+status] && status != "500" && status != "503" && status != "default" {
				t.Errorf("%s %s: %s is documented, and was not got: add the request to moreContractCases", op.method, op.path, status)
			}
		}
	}
}

func contractCases(s *service, by people) []contractCase {
	visitor, member, admin := by.visitor, by.member, by.admin
	email := member.user.Email
	sheet := style.FindString(string(visitor.page("/login").body))
	return []contractCase{
		{200, visitor, "GET", "/", "", nil},
		{304, visitor, "GET", "/", "", []string{"If-None-Match", "*"}},
		{422, visitor, "GET", "/?done=1&done=1", "", nil},
		{200, visitor, "GET", "/login", "", nil},
		{304, visitor, "GET", "/login", "", []string{"If-None-Match", "*"}},
		{303, member, "GET", "/login", "", nil},
		{422, visitor, "GET", "/login?next=/&next=/", "", nil},
		{400, visitor, "POST", "/login", "%", asForm},
		{401, visitor, "POST", "/login", "email=x&password=x", asForm},
		{403, visitor, "POST", "/login", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{413, visitor, "POST", "/login", tooLarge(), asForm},
		{415, visitor, "POST", "/login", "{}", nil},
		{429, visitor, "POST", "/login", "email=blocked@people.example&password=wrong", asForm},
		{303, s.visitor(), "POST", "/login", "email=" + email + "&password=" + url.QueryEscape(password), asForm},
		{403, member, "POST", "/logout", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{303, visitor, "POST", "/logout", "", nil},
		{200, visitor, "GET", sheet, "", nil},
		{304, visitor, "GET", sheet, "", []string{"If-None-Match", "*"}},
		{404, visitor, "GET", "/static/none.css", "", nil},
		{200, visitor, "GET", "/favicon.ico", "", nil},
		{304, visitor, "GET", "/favicon.ico", "", []string{"If-None-Match", "*"}},
		{200, visitor, "GET", "/robots.txt", "", nil},
		{304, visitor, "GET", "/robots.txt", "", []string{"If-None-Match", "*"}},
		{200, admin, "GET", sessionPath, "", nil},
		{401, visitor, "GET", sessionPath, "", nil},
		{422, admin, "GET", sessionPath + "?unknown=1", "", nil},
		{422, admin, "DELETE", sessionPath + "?unknown=1", "", nil},
		{200, visitor, "POST", sessionPath, `{"email":"` + email + `","password":"` + password + `"}`, nil},
		{400, visitor, "POST", sessionPath, "{", nil},
		{403, visitor, "POST", sessionPath, `{}`, []string{"Sec-Fetch-Site", "cross-site"}},
		{413, visitor, "POST", sessionPath, tooLarge(), nil},
		{415, visitor, "POST", sessionPath, `{}`, []string{"Content-Type", "text/plain"}},
		{422, visitor, "POST", sessionPath, unknownField, nil},
		{401, visitor, "POST", sessionPath, `{"email":"` + email + `","password":"wrong"}`, nil},
		{429, s.blocked(), "POST", sessionPath, `{"email":"blocked@people.example","password":"wrong"}`, nil},
		{403, member, "DELETE", sessionPath, "", []string{"Sec-Fetch-Site", "cross-site"}},
		{204, member, "DELETE", sessionPath, "", nil},
		{200, visitor, "GET", "/health", "", nil},
		{200, visitor, "GET", "/health/live", "", nil},
		{200, visitor, "GET", "/health/ready", "", nil},
		{200, visitor, "GET", "/openapi.json", "", nil},
		{304, visitor, "GET", "/openapi.json", "", []string{"If-None-Match", "*"}},
	}
}
