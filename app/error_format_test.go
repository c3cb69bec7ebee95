package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"example.com/prefab/app"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// fieldErrors is {"errors":{"email":["must not be empty"]}}. What is wrong with no field in
// particular stands under "base".
type fieldErrors struct {
	Errors map[string][]string `json:"errors"`
}

func fieldErrorsOf(p rest.Problem) any {
	body := fieldErrors{map[string][]string{}}
	for _, e := range p.Errors {
		body.Errors[e.Field] = append(body.Errors[e.Field], e.Message)
	}
	if len(p.Errors) == 0 {
		body.Errors["base"] = []string{p.Detail}
	}
	return body
}

// readFieldErrors reads them. readError in app/spec_test.go returns it, if this is the format
// of errors.
func readFieldErrors(a answer) (p rest.Problem, err error) {
	var body fieldErrors
	err = json.Unmarshal(a.body, &body)
	p.Status, p.Title = a.status, http.StatusText(a.status)
	if a.request != nil { // raw has none
		p.Instance = a.request.URL.EscapedPath()
	}
	for field, messages := range body.Errors {
		for _, message := range messages {
			p.Errors = append(p.Errors, problem.FieldError{Field: field, Message: message})
		}
	}
	if base := body.Errors["base"]; base != nil {
		p.Errors, p.Detail = nil, base[0]
	}
	return p, err
}

func TestReadFieldErrors_IsTheInverse(t *testing.T) {
	request := httptest.NewRequest("GET", "/a%20b", nil)
	for _, want := range []rest.Problem{
		{Status: 404, Title: "Not Found", Instance: "/a%20b", Detail: "No such lamp."},
		{Status: 422, Title: "Unprocessable Entity", Instance: "/a%20b", Errors: []problem.FieldError{
			{Field: "watts", Message: "is required"}, {Field: "watts", Message: "must be from 1 to 9"},
		}},
	} {
		body, err := json.Marshal(fieldErrorsOf(want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readFieldErrors(answer{request: request, status: want.Status, body: body})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, error %v; want %+v", body, got, err, want)
		}
		if raw, err := readFieldErrors(answer{status: want.Status, body: body}); err != nil || raw.Instance != "" {
			t.Errorf("of a raw answer: %+v, error %v", raw, err)
		}
	}
}

// A format of one's own is that of every error, wherever it comes from, and of the document.
func TestErrorFormat_IsReplacedInOnePlace(t *testing.T) {
	cfg, err := load(t, "DATABASE_URL="+devtest.Database(t), "REDIS_URL="+devtest.Redis(t), "BODY_LIMIT=2048")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	format := rest.ErrorFormat{ContentType: "application/json", Body: fieldErrorsOf}
	go func() { served <- app.ServeErrors(ctx, cfg, listener, app.NewLogger(cfg, io.Discard), format) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})

	ask := func(method, path, body string, header ...string) (status int, contentType, answer string) {
		request := httptest.NewRequest(method, "http://"+listener.Addr().String()+path, strings.NewReader(body))
		request.RequestURI = ""
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			return 0, "", err.Error()
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, response.Header.Get("Content-Type"), string(content)
	}
	devtest.Eventually(t, "the service is ready", func() bool { status, _, _ := ask("GET", "/health/ready", ""); return status == 200 })
	_, _, document := ask("GET", "/openapi.json", "")
	s, err := newSpec([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile("problem.json").FindString(document); found != "" {
		t.Errorf("the document still has %s", found)
	}
	const content = "/components/responses/Invalid/content/application~1json"
	if example, _ := s.follow(content + "/example"); s.validate(content+"/schema", example) != nil {
		t.Errorf("the example is %v", example)
	}
	const json = "application/json"
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		want               string
	}{
		"a rule":          {"POST", sessionPath, `{"email":1,"no":2}`, []string{"Content-Type", json}, 422, `{"email":["must be a text"],"no":["is not a known field"]}`},
		"no address":      {"GET", "/api/v1/nowhere", "", nil, 404, `{"base":["There is nothing at this address."]}`},
		"a method":        {"PUT", sessionPath, "", nil, 405, `"base"`},
		"a guard":         {"GET", sessionPath, "", nil, 401, `"base"`},
		"another origin":  {"POST", sessionPath, "{}", []string{"Content-Type", json, "Origin", "https://evil.example"}, 403, `"base"`},
		"a long body":     {"POST", sessionPath, strings.Repeat(" ", 3000), []string{"Content-Type", json}, 413, `"base"`},
		"a type":          {"POST", sessionPath, "{}", nil, 415, `"base"`},
		"HTTP itself":     {"BREW", "/", "", nil, 501, `"base"`},
		"a path":          {"GET", "/%ff", "", nil, 400, `"base"`},
		"a page's, as it": {"GET", "/nowhere", "", []string{"Accept", json}, 404, `"base"`},
	} {
		status, contentType, body := ask(c.method, c.path, c.body, c.header...)
		if status != c.status || contentType != json || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, %s, %s; want %d with %s", name, status, contentType, body, c.status, c.want)
		}
		if err := s.validateJSON("/components/responses/Refused/content/application~1json/schema", []byte(body)); err != nil {
			t.Errorf("%s: %s: %v", name, body, err)
		}
	}
}
