package app_test

import (
	"fmt"
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

// gotElsewhere are the statuses that need a service of their own, in which something is broken.
var gotElsewhere = map[string]string{
	"500": "TestContract_EveryDocumented500IsReal", "503": "TestContract_EveryDocumented503IsReal",
	"default": "TestBodies_ThatAreRefusedAreReadUntilTheAnswerIsRead", // it is one for all, and no route has a part in it
}

// Every answer that the document lists for an operation is one that a client can
// really get.
func TestContract_EveryDocumentedAnswerIsReal(t *testing.T) {
	s := start(t, "BODY_LIMIT="+strconv.Itoa(contractBodyLimit), "SIGN_IN_LIMIT=10", "SIGN_UP=true")
	by := people{s.visitor(), s.member(), s.admin()}
	seen := make(map[string]bool)
	for _, cases := range append(moreContractCases, contractCases) { // the last ones sign out
		for _, success := range cases(s, by) {
			path, _, _ := strings.Cut(success.path, "?")
			op, known := theSpec(t).operation(success.method, path)
			for _, c := range append(success.refusals(op, by), success) {
				// That the answer is as the document says, the client checks.
				if got := c.by.send(c.method, c.path, c.body, c.header...); got.status != c.status {
					t.Errorf("%s: %d, want %d: %s", got.asked, got.status, c.status, got.body)
				}
				if known {
					seen[op.at+"/responses/"+strconv.Itoa(c.status)] = true
				}
			}
		}
	}
	for _, op := range theSpec(t).operations {
		for status := range theSpec(t).object(op.at + "/responses") {
			if !seen[op.at+"/responses/"+status] && gotElsewhere[status] == "" {
				t.Errorf("%s %s: %s is documented, and was not got: add the request to moreContractCases", op.method, op.path, status)
			}
		}
	}
}

// refusals are the requests that differ from one that succeeds in a single thing, which the
// document says is refused: so a list needs only what succeeds, and what is peculiar to it.
func (c contractCase) refusals(op operation, by people) (cases []contractCase) {
	doc, isForm := theSpec(c.by.s.t), slices.Contains(c.header, formType)
	succeeds := c.status < 300 || c.status == http.StatusSeeOther && c.method == http.MethodPost
	add := func(status int, who *client, path, body string, header ...string) {
		if succeeds && doc.object(op.at + "/responses")[strconv.Itoa(status)] != nil {
			cases = append(cases, contractCase{status, who, c.method, path, body, append(slices.Clone(c.header), header...)})
		}
	}
	if c.method == http.MethodGet {
		add(http.StatusNotModified, c.by, c.path, "", "If-None-Match", "*")
	}
	if strings.HasPrefix(op.path, "/api/") && c.body == "" {
		add(http.StatusUnprocessableEntity, c.by, c.path+map[bool]string{true: "&", false: "?"}[strings.Contains(c.path, "?")]+"unknown=1", "")
	}
	if c.body != "" {
		broken, another := "{", "text/plain"
		if isForm {
			broken, another = "%", "application/json"
		} else {
			add(http.StatusUnprocessableEntity, c.by, c.path, unknownField)
		}
		add(http.StatusBadRequest, c.by, c.path, broken)
		add(http.StatusRequestEntityTooLarge, c.by, c.path, tooLarge())
		add(http.StatusUnsupportedMediaType, c.by, c.path, c.body, "Content-Type", another)
	}
	guard, _ := doc.follow(op.at + "/security")
	if guard != nil {
		add(http.StatusUnauthorized, by.visitor, c.path, c.body, "Accept", "application/json")
		if c.method == http.MethodGet {
			add(http.StatusSeeOther, by.visitor, c.path, "", asBrowser...) // to sign in
		}
		if strings.Contains(fmt.Sprint(guard), "admin") {
			add(http.StatusForbidden, by.member, c.path, c.body)
		}
	}
	if c.method != http.MethodGet && c.by.user.ID != 0 {
		add(http.StatusForbidden, c.by, c.path, c.body, "Sec-Fetch-Site", "cross-site")
	}
	return cases
}

func contractCases(s *service, by people) []contractCase {
	visitor, member, admin := by.visitor, by.member, by.admin
	email := member.user.Email
	sheet := style.FindString(string(visitor.page("/login").body))
	return []contractCase{
		{200, visitor, "GET", "/", "", nil},
		{422, visitor, "GET", "/?done=1&done=1", "", nil},
		{200, visitor, "GET", "/login", "", nil},
		{303, member, "GET", "/login", "", nil},
		{422, visitor, "GET", "/login?next=/&next=/", "", nil},
		{401, visitor, "POST", "/login", "email=x&password=x", asForm},
		{403, visitor, "POST", "/login", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{429, visitor, "POST", "/login", "email=blocked@people.example&password=wrong", asForm},
		{303, s.visitor(), "POST", "/login", "email=" + email + "&password=" + url.QueryEscape(password), asForm},
		{403, member, "POST", "/logout", "", []string{"Sec-Fetch-Site", "cross-site"}},
		{303, visitor, "POST", "/logout", "", nil},
		{200, visitor, "GET", sheet, "", nil},
		{404, visitor, "GET", "/static/none.css", "", nil},
		{200, visitor, "GET", "/favicon.ico", "", nil},
		{200, visitor, "GET", "/robots.txt", "", nil},
		{200, admin, "GET", sessionPath, "", nil},
		{200, visitor, "POST", sessionPath, `{"email":"` + email + `","password":"` + password + `"}`, nil},
		{401, visitor, "POST", sessionPath, `{"email":"` + email + `","password":"wrong"}`, nil},
		{403, visitor, "POST", sessionPath, `{}`, []string{"Sec-Fetch-Site", "cross-site"}},
		{429, s.blocked(), "POST", sessionPath, `{"email":"blocked@people.example","password":"wrong"}`, nil},
		{204, member, "DELETE", sessionPath, "", nil},
		{200, visitor, "GET", "/health", "", nil},
		{200, visitor, "GET", "/health/live", "", nil},
		{200, visitor, "GET", "/health/ready", "", nil},
		{200, visitor, "GET", "/openapi.json", "", nil},
		{200, visitor, "GET", "/docs", "", nil},
		{200, visitor, "GET", "/docs/docs.css", "", nil},
		{404, visitor, "GET", "/docs/none.css", "", nil},
	}
}
