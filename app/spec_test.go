package app_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/prefab/app"
	"example.com/prefab/handlers"
	"example.com/prefab/handlers/rest"
)

// spec is the API document, taken at its word. Places in it are JSON pointers.
type spec struct {
	root       any
	operations []operation

	mu       sync.Mutex // the compiler is not for several goroutines
	compiler *jsonschema.Compiler
}

// operation is a method on a path of the document.
type operation struct {
	method, path string
	at           string
}

const specURL = "openapi.json"

// errorType is the content type of errors, and readError reads one. With another format in
// errorFormat (app/app.go), change both: what it leaves out, take from the answer.
const errorType = rest.ProblemType

func readError(a answer) (p rest.Problem, err error) {
	err = json.Unmarshal(a.body, &p)
	return p, err
}

var openSpec = sync.OnceValues(func() (*spec, error) {
	text, err := handlers.API(sessionCookie, app.ErrorFormat()).JSON()
	if err != nil {
		return nil, err
	}
	return newSpec(text)
})

func newSpec(text []byte) (*spec, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	s := &spec{root: root, compiler: jsonschema.NewCompiler()}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.AssertFormat()
	if err := s.compiler.AddResource(specURL, root); err != nil {
		return nil, err
	}
	for path, item := range s.object("/paths") {
		for method := range item.(map[string]any) {
			switch method {
			case "get", "put", "post", "delete", "options", "head", "patch", "trace":
				s.operations = append(s.operations,
					operation{strings.ToUpper(method), path, "/paths/" + escape(path) + "/" + method})
			}
		}
	}
	// Plain paths win over templates: "{" comes after the letters.
	slices.SortFunc(s.operations, func(a, b operation) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.method, b.method))
	})
	return s, nil
}

func theSpec(t testing.TB) *spec {
	t.Helper()
	s, err := openSpec()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// follow returns the value at a place, and where it really stands: a $ref leads
// elsewhere.
func (s *spec) follow(at string) (value any, place string) {
	value = s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		switch of := value.(type) {
		case map[string]any:
			value = of[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(of) {
				return nil, at
			}
			value = of[i]
		default:
			return nil, at
		}
	}
	if object, ok := value.(map[string]any); ok {
		if ref, ok := object["$ref"].(string); ok {
			return s.follow(strings.TrimPrefix(ref, "#"))
		}
	}
	return value, at
}

func (s *spec) object(at string) map[string]any {
	value, _ := s.follow(at)
	object, _ := value.(map[string]any)
	return object
}

// parameters are the places of an operation's parameters, by where they are and their names.
func (s *spec) parameters(op operation) map[string]string {
	places := make(map[string]string)
	all, _ := s.object(op.at)["parameters"].([]any)
	for i := range all {
		p, at := s.follow(op.at + "/parameters/" + strconv.Itoa(i))
		parameter, _ := p.(map[string]any)
		places[fmt.Sprint(parameter["in"], " ", parameter["name"])] = at
	}
	return places
}

// validate holds a value against the schema at a place.
func (s *spec) validate(at string, value any) error {
	s.mu.Lock()
	schema, err := s.compiler.Compile(specURL + "#" + at)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (s *spec) validateJSON(at string, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.validate(at, value)
}

// operation finds what a request asks for.
func (s *spec) operation(method, path string) (operation, bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	first := slices.IndexFunc(s.operations, func(o operation) bool { return fits(o.path, path) })
	if first < 0 {
		return operation{}, false
	}
	found := slices.IndexFunc(s.operations, func(o operation) bool {
		return o.path == s.operations[first].path && o.method == method
	})
	if found < 0 {
		return operation{}, false
	}
	return s.operations[found], true
}

func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool {
		return w == g || strings.HasPrefix(w, "{") && g != ""
	})
}

// Before a route's handler is reached, or where there is no route.
var refusals = map[bool][]int{
	true:  {400, 408, 413, 429, 431, 501, 504},
	false: {400, 403, 404, 405, 408, 413, 429, 431, 501},
}

// check says in what way an answer is not what the document promises.
func (s *spec) check(a answer) error {
	op, known := s.operation(a.request.Method, a.request.URL.Path)
	status := a.status
	at := "/components/responses/Refused"
	if responses := s.object(op.at + "/responses"); known && responses[strconv.Itoa(status)] != nil {
		at = op.at + "/responses/" + strconv.Itoa(status)
	} else if !slices.Contains(refusals[known], status) {
		return fmt.Errorf("the status %d is not documented", status)
	}
	_, at = s.follow(at)
	if err := checkTruth(a); err != nil {
		return err
	}
	if err := s.checkHeaders(at, a.header); err != nil {
		return err
	}
	if err := s.checkBody(at, a); err != nil {
		return err
	}
	if status >= 400 && op.path != "/health" && op.path != "/health/ready" {
		if err := checkProblem(a); err != nil {
			return err
		}
	}
	if !known {
		return nil
	}
	return s.checkRequest(op, a)
}

// checkTruth wants of every answer what HTTP wants of its status, and no header that
// would mislead.
func checkTruth(a answer) error {
	header := a.header
	for _, name := range []string{"X-Cache", "Server", "X-Powered-By"} {
		if value := header.Get(name); value != "" {
			return fmt.Errorf("the header %s tells %q", name, value)
		}
	}
	if len(header["Cache-Status"]) > 1 {
		return fmt.Errorf("the cache tells %q", header["Cache-Status"])
	}
	security := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin",
	}
	for name, want := range security {
		if a.status < 400 && header.Get(name) != want {
			return fmt.Errorf("the header %s is %q, want %q", name, header.Get(name), want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	if a.status < 400 && !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe") {
		return fmt.Errorf("the content security policy is %q", policy)
	}
	for name, status := range map[string]int{"WWW-Authenticate": 401, "Allow": 405, "Retry-After": 429} {
		if a.status == status && header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	return nil
}

// usual are the headers that any answer may have, which the document tells once, or HTTP.
var usual = []string{
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Allow", "Cache-Control", "Connection", "Content-Encoding",
	"Content-Length", "Content-Security-Policy", "Content-Type", "Cross-Origin-Embedder-Policy",
	"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Date", "Origin-Agent-Cluster", "Referrer-Policy",
	"Strict-Transport-Security", "Transfer-Encoding", "Vary", "X-Content-Type-Options", "X-Dns-Prefetch-Control",
	"X-Download-Options", "X-Frame-Options", "X-Permitted-Cross-Domain-Policies", "X-Xss-Protection",
}

func (s *spec) checkHeaders(at string, header http.Header) error {
	for name := range header {
		documented := slices.ContainsFunc(slices.Collect(maps.Keys(s.object(at+"/headers"))), func(other string) bool {
			return strings.EqualFold(name, other)
		})
		if !documented && !slices.Contains(usual, name) {
			return fmt.Errorf("the header %s is not documented", name)
		}
	}
	for name := range s.object(at + "/headers") {
		_, place := s.follow(at + "/headers/" + name)
		value := header.Get(name)
		if value == "" && s.object(place)["required"] == true {
			return fmt.Errorf("the header %s is missing", name)
		}
		if err := s.validate(place+"/schema", value); value != "" && err != nil {
			return fmt.Errorf("the header %s: %w", name, err)
		}
	}
	return nil
}

func (s *spec) checkBody(at string, a answer) error {
	content := s.object(at + "/content")
	given := a.header.Get("Content-Type")
	if len(content) == 0 || a.request.Method == http.MethodHead {
		if len(a.body) > 0 {
			return fmt.Errorf("there is a body: %s", a.body)
		}
		return nil
	}
	if content[given] == nil {
		return fmt.Errorf("the content type %q is not documented", given)
	}
	body := a.body
	var err error
	schema := at + "/content/" + escape(given) + "/schema"
	switch media, _, _ := mime.ParseMediaType(given); media {
	case "text/csv", "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml":
		err = s.validate(schema, string(body))
	case "application/x-ndjson":
		for line := range bytes.Lines(body) {
			err = errors.Join(err, s.validateJSON(schema, line))
		}
	default:
		err = s.validateJSON(schema, body)
	}
	if err != nil {
		return fmt.Errorf("%w in %s", err, body)
	}
	return nil
}

// checkProblem wants what every error promises.
func checkProblem(a answer) error {
	header := a.header
	uncached := strings.HasSuffix(header.Get("Cache-Control"), "no-store")
	status := header.Get("Cache-Status")
	kept := strings.Contains(status, "; stored") || strings.Contains(status, "; hit")
	if kept == uncached || header.Get("ETag") != "" {
		return fmt.Errorf("an error can be cached: %v", header)
	}
	if a.request.Method == http.MethodHead || a.isPage() {
		return nil
	}
	problem, err := readError(a)
	if err != nil {
		return err
	}
	code := a.status
	path, err := url.PathUnescape(problem.Instance)
	if err != nil || problem.Status != code || problem.Title != http.StatusText(code) || path != a.request.URL.Path {
		return fmt.Errorf("the problem is %+v, of %s with %d", problem, a.request.URL, code)
	}
	return nil
}

func (a answer) isPage() bool { return strings.HasPrefix(a.header.Get("Content-Type"), "text/html") }
