package app_test

import (
	"crypto/sha256"
	"net/http"
	"strings"

	"example.com/prefab/services"
)

func init() { moreContractCases = append(moreContractCases, accountsContract) }

// link adds a link of which the test knows the token.
func (s *service) link(token string, purpose services.LinkPurpose, userID int64, email string) {
	s.t.Helper()
	hash := sha256.Sum256([]byte(token))
	s.exec(`INSERT INTO account_links (token_hash, purpose, user_id, credentials_version, email, name, expires_at)
		VALUES ($1, $2, nullif($3, 0), $4, $5, 'Nina', now() + '1 hour')`, hash[:], purpose, userID, min(userID, 1), email)
}

func accountsContract(s *service, by people) []contractCase {
	visitor, member, gone, guessing := by.visitor, s.member(), s.member(), s.member()
	const long = "another long password"
	newOne := object("email", "contract@people.example", "name", "Nina")
	reset := object("email", "reset@people.example")
	change := object("currentPassword", password, "password", password)
	email := object("currentPassword", password, "email", "mine@people.example")
	deletion := object("currentPassword", password)
	complete, confirm := object("token", "new", "password", long), object("token", "email")
	s.link("new", services.SignUpLink, 0, "contract@people.example")
	s.link("taken", services.SignUpLink, 0, by.admin.user.Email)
	s.link("email", services.EmailLink, member.user.ID, "mine@people.example")
	s.link("email-taken", services.EmailLink, gone.user.ID, by.admin.user.Email)
	for range 10 { // until it is blocked
		guessing.send("PUT", accountPath+"/password", object("currentPassword", "wrong", "password", long)).want(http.StatusUnprocessableEntity)
	}
	var cases []contractCase
	for _, c := range []struct{ method, path, body string }{
		{"POST", accountPath, newOne}, {"POST", accountPath + "/reset", reset},
		{"POST", accountPath + "/password", complete}, {"PUT", accountPath + "/email", confirm},
	} {
		cases = append(cases, contractCase{403, visitor, c.method, c.path, c.body, []string{"Sec-Fetch-Site", "cross-site"}})
	}
	for _, c := range []struct{ path, body string }{{accountPath, newOne}, {accountPath + "/reset", reset}} {
		for range 3 {
			cases = append(cases, contractCase{202, visitor, "POST", c.path, c.body, nil})
		}
		cases = append(cases, contractCase{429, visitor, "POST", c.path, c.body, nil})
	}
	for range 3 {
		cases = append(cases, contractCase{202, member, "POST", accountPath + "/email", email, nil})
	}
	cases = append(cases, s.accountPagesContract(by)...)
	return append(cases, []contractCase{
		{429, member, "POST", accountPath + "/email", email, nil},
		{200, member, "PUT", accountPath + "/email", confirm, nil},
		{404, member, "PUT", accountPath + "/email", confirm, nil},
		{409, visitor, "PUT", accountPath + "/email", strings.Replace(confirm, "email", "email-taken", 1), nil},
		{200, s.visitor(), "POST", accountPath + "/password", complete, nil},
		{404, visitor, "POST", accountPath + "/password", complete, nil},
		{409, visitor, "POST", accountPath + "/password", object("token", "taken", "password", long), nil},
		{200, member, "PUT", accountPath + "/password", change, nil},
		{429, guessing, "PUT", accountPath + "/password", change, nil},
		{429, guessing, "DELETE", accountPath, deletion, nil},
		{204, gone, "DELETE", accountPath, deletion, nil},
		{204, member, "DELETE", "/api/v1/sessions", "", nil},
	}...)
}

func (s *service) accountPagesContract(by people) []contractCase {
	visitor, member, guessing := by.visitor, s.member(), s.member()
	for range 10 {
		guessing.post("/account", "do", "delete", "currentPassword", "wrong").want(http.StatusUnprocessableEntity)
	}
	s.link("page-new", services.SignUpLink, 0, "page@people.example")
	s.link("page-taken", services.SignUpLink, 0, by.admin.user.Email)
	s.link("page-email", services.EmailLink, member.user.ID, "page-email@people.example")
	s.link("page-email-taken", services.EmailLink, member.user.ID, by.admin.user.Email)
	const long = "another long password"
	var cases []contractCase
	for _, c := range []struct {
		by   *client
		path string
	}{{visitor, "/signup"}, {visitor, "/reset"}, {visitor, "/account/password"}, {visitor, "/account/email"}, {member, "/account"}} {
		cases = append(cases, contractCase{403, c.by, "POST", c.path, "", []string{"Sec-Fetch-Site", "cross-site"}})
	}
	for _, c := range []struct{ path, form string }{
		{"/signup", encoded("name", "Nina", "email", "page-signup@people.example")},
		{"/reset", encoded("email", "page-reset@people.example")},
	} {
		cases = append(cases,
			contractCase{200, visitor, "GET", c.path, "", nil},
			contractCase{304, visitor, "GET", c.path, "", []string{"If-None-Match", "*"}},
			contractCase{422, visitor, "GET", c.path + "?done=1&done=1", "", nil},
			contractCase{422, visitor, "POST", c.path, "email=x", asForm},
		)
		for range 3 {
			cases = append(cases, contractCase{303, visitor, "POST", c.path, c.form, asForm})
		}
		cases = append(cases, contractCase{429, visitor, "POST", c.path, c.form, asForm})
	}
	for path, token := range map[string]string{"/account/password": "page-new", "/account/email": "page-email"} {
		cases = append(cases, []contractCase{
			{200, visitor, "GET", path + "?token=" + token, "", nil},
			{404, visitor, "GET", path + "?token=none", "", nil},
			{422, visitor, "GET", path + "?token=1&token=1", "", nil},
		}...)
	}
	return append(cases, []contractCase{
		{422, visitor, "POST", "/account/password", encoded("token", "page-new", "password", "short"), asForm},
		{409, visitor, "POST", "/account/password", encoded("token", "page-taken", "password", long), asForm},
		{303, s.visitor(), "POST", "/account/password", encoded("token", "page-new", "password", long), asForm},
		{404, visitor, "POST", "/account/password", encoded("token", "page-new", "password", long), asForm},
		{409, visitor, "POST", "/account/email", "token=page-email-taken", asForm},
		{303, member, "POST", "/account/email", "token=page-email", asForm},
		{404, member, "POST", "/account/email", "token=page-email", asForm},
		{200, member, "GET", "/account", "", asBrowser},
		{403, s.visitor(), "GET", "/account", "", []string{"Authorization", "Bearer " + member.token("read").Secret}},
		{422, member, "GET", "/account?done=1&done=1", "", nil},
		{422, member, "POST", "/account", "do=password", asForm},
		{429, guessing, "POST", "/account", encoded("do", "delete", "currentPassword", password), asForm},
		{303, member, "POST", "/account", "do=sessions", asForm},
	}...)
}
