package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"example.com/prefab/app"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services"
)

// client is one person's browser, without the redirects: it keeps its cookies.
// Every answer it gets is checked against the OpenAPI document.
type client struct {
	s    *service
	http *http.Client
	user services.User // who has signed in; see signedIn
}

func (s *service) visitor() *client {
	jar, _ := cookiejar.New(nil)
	return &client{s: s, http: &http.Client{
		Jar:           jar,
		Transport:     s.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send makes a request. The header is names and values in turn; a body is JSON
// unless the header says otherwise.
func (c *client) send(method, path, body string, header ...string) answer {
	c.s.t.Helper()
	request, err := http.NewRequestWithContext(c.s.t.Context(), method, c.s.url+path, strings.NewReader(body))
	if err != nil {
		c.s.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.s.t.Fatal(err)
	}
	a := read(c.s, method+" "+path, response)
	a.request, a.sent = request, body
	if err := theSpec(c.s.t).check(a); err != nil {
		c.s.t.Errorf("%s answers %d: %v", a.asked, a.status, err)
	}
	return a
}

func (c *client) get(path string, header ...string) answer {
	c.s.t.Helper()
	return c.send(http.MethodGet, path, "", header...)
}

func (c *client) signIn(email, password string, header ...string) answer {
	c.s.t.Helper()
	body, _ := json.Marshal(map[string]string{"email": email, "password": password})
	return c.send(http.MethodPost, "/api/v1/session", string(body), header...)
}

// The names of the cookies in development.
var sessionCookie = "session" + app.CookieSuffix()

// cookie is the value of the client's cookie, or "".
func (c *client) cookie(name string) string {
	address, _ := url.Parse(c.s.url)
	for _, cookie := range c.http.Jar.Cookies(address) {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// raw sends bytes that no HTTP client would send, and reads one answer.
func (s *service) raw(text string) answer {
	s.t.Helper()
	w := s.dial()
	w.send(text)
	return read(s, text[:min(len(text), 60)], w.response(""))
}

// answer is a response that has been read.
type answer struct {
	s       *service
	asked   string
	request *http.Request // nil of raw
	sent    string
	status  int
	header  http.Header
	body    []byte
	cookie  []*http.Cookie
}

func read(s *service, asked string, response *http.Response) answer {
	s.t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{
		s: s, asked: asked, status: response.StatusCode, header: response.Header, body: body, cookie: response.Cookies(),
	}
}

// want ends the test unless the status is the one wanted.
func (a answer) want(status int) answer {
	a.s.t.Helper()
	if a.status != status {
		a.s.t.Fatalf("%s: %d, want %d: %s", a.asked, a.status, status, a.body)
	}
	return a
}

// problem wants an error and returns it.
func (a answer) problem(status int) rest.Problem {
	a.s.t.Helper()
	a.want(status)
	if a.header.Get("Content-Type") != errorType {
		a.s.t.Fatalf("%s: the error is %s, want %s", a.asked, a.header.Get("Content-Type"), errorType)
	}
	problem, err := readError(a)
	if err != nil {
		a.s.t.Fatalf("%s: %v in %s", a.asked, err, a.body)
	}
	return problem
}

// invalid wants the answer to blame just this field.
func (a answer) invalid(field string) {
	a.s.t.Helper()
	problem := a.problem(http.StatusUnprocessableEntity)
	if len(problem.Errors) != 1 || problem.Errors[0].Field != field {
		a.s.t.Errorf("%s: blames %v, want the field %q", a.asked, problem.Errors, field)
	}
}

// decode reads the answer's body, and refuses fields that T does not have.
func decode[T any](a answer) T {
	a.s.t.Helper()
	var v T
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		a.s.t.Fatalf("%s: %v in %s", a.asked, err, a.body)
	}
	return v
}

// style finds the address of the style sheet in a page.
var style = regexp.MustCompile(`/static/\w+\.\w+\.css`)

// asBrowser is what browsers say of the types that they like.
var asBrowser = []string{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}

// page gets a page as a browser would.
func (c *client) page(path string, header ...string) answer {
	c.s.t.Helper()
	return c.get(path, append(asBrowser, header...)...)
}

// post sends a form, names and values in turn, as a browser would.
func (c *client) post(path string, fields ...string) answer {
	c.s.t.Helper()
	return c.send(http.MethodPost, path, encoded(fields...), append(asBrowser, "Content-Type", formType)...)
}

const formType = "application/x-www-form-urlencoded"

func encoded(fields ...string) string {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form.Encode()
}

// shows wants the page to hold each of the texts.
func (a answer) shows(texts ...string) answer {
	a.s.t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		a.s.t.Fatalf("%s: %d is %s, want a page", a.asked, a.status, kind)
	}
	for _, text := range texts {
		if !strings.Contains(string(a.body), text) {
			a.s.t.Errorf("%s: %d does not show %q:\n%s", a.asked, a.status, text, a.body)
		}
	}
	return a
}
