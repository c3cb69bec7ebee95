package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/prefab/app"
	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// checkRequest says in what way a request was taken, or refused, against the document.
func (s *spec) checkRequest(op operation, a answer) error {
	switch {
	case a.status < 400:
		return errors.Join(s.checkParameters(op, a), s.checkTaken(op, a))
	case a.status == http.StatusUnprocessableEntity:
		return s.checkBlame(op, a)
	}
	return nil
}

// checkParameters wants of a request that was taken that the document allows its parameters. Pages
// ignore those that they do not know.
func (s *spec) checkParameters(op operation, a answer) error {
	places := s.parameters(op)
	given := map[string]string{}
	for name, values := range a.request.URL.Query() {
		if at := "query " + name; places[at] != "" || strings.HasPrefix(op.path, "/api/") {
			given[at] = values[0]
		}
	}
	template, path := strings.Split(op.path, "/"), strings.Split(a.request.URL.Path, "/")
	for i, part := range template {
		if strings.HasPrefix(part, "{") {
			given["path "+strings.Trim(part, "{}")] = path[i]
		}
	}
	for _, name := range []string{"If-Match", "If-None-Match"} {
		if value := a.request.Header.Get(name); value != "" && places["header "+name] != "" {
			given["header "+name] = value
		}
	}
	var err error
	for name, value := range given {
		switch {
		case places[name] == "":
			err = errors.Join(err, fmt.Errorf("the %s is taken, and not documented", name))
		case value != "": // an empty one counts as absent
			if wrong := s.validate(places[name]+"/schema", s.parameter(places[name]+"/schema", value)); wrong != nil {
				err = errors.Join(err, fmt.Errorf("the %s was taken against the document: %w", name, wrong))
			}
		}
	}
	return err
}

// parameter is a value as its schema wants it: a number, a list with commas, or else a string.
func (s *spec) parameter(at, value string) any {
	switch s.object(at)["type"] {
	case "integer", "number":
		if _, err := strconv.ParseFloat(value, 64); err == nil {
			return json.Number(value)
		}
	case "array":
		var items []any
		for item := range strings.SplitSeq(value, ",") {
			items = append(items, s.parameter(at+"/items", item))
		}
		return items
	}
	return value
}

// checkBlame wants the fields of a 422 to be those that the document tells, or the client sent.
func (s *spec) checkBlame(op operation, a answer) error {
	if a.isPage() || a.request.Method == http.MethodHead {
		return nil
	}
	p, err := readError(a)
	if err != nil {
		return err
	}
	told := s.fields(op)
	for _, e := range p.Errors {
		field, _, _ := strings.Cut(strings.Split(e.Field, ".")[0], "[")
		if !slices.Contains(told, field) && !strings.Contains(a.sent, field) && !a.request.URL.Query().Has(field) {
			return fmt.Errorf("the field %q is blamed, and not documented", e.Field)
		}
	}
	return nil
}

// fields are the names of an operation's parameters, and of its body's outermost fields.
func (s *spec) fields(op operation) (names []string) {
	for place := range s.parameters(op) {
		names = append(names, place[strings.IndexByte(place, ' ')+1:])
	}
	for media := range s.object(op.at + "/requestBody/content") {
		_, at := s.follow(op.at + "/requestBody/content/" + escape(media) + "/schema")
		for name := range s.object(at + "/properties") {
			names = append(names, name)
		}
	}
	return names
}

// checkTaken wants of a body that was taken that the document allows it.
func (s *spec) checkTaken(op operation, a answer) error {
	content := op.at + "/requestBody/content/"
	if s.object(content[:len(content)-1]) == nil {
		if a.sent != "" && op.method != http.MethodGet { // which nobody reads there
			return fmt.Errorf("%s was taken, and no body is documented", a.sent)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.request.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	err = s.validateJSON(content+escape(media)+"/schema", []byte(a.sent))
	if media == "application/x-www-form-urlencoded" {
		err = s.validate(content+escape(media)+"/schema", formOf(a.sent))
	}
	if err != nil {
		return fmt.Errorf("%s was taken against the document: %w", a.sent, err)
	}
	return nil
}

func formOf(sent string) any {
	values, err := url.ParseQuery(sent)
	form := map[string]any{}
	for name := range values {
		form[name] = values.Get(name)
	}
	if err != nil {
		return err.Error()
	}
	return form
}

// plainText is an example as a client sends it.
func plainText(example any) string {
	if text, ok := example.(string); ok || example == nil {
		return text
	}
	text, _ := json.Marshal(example)
	return string(text)
}

func TestSpec_SeesRequestsAgainstTheDocument(t *testing.T) {
	s, err := newSpec([]byte(`{"paths": {"/api/v1/lamps/{id}": {
		"put": {
			"parameters": [
				{"name": "id", "in": "path", "schema": {"type": "integer", "minimum": 1}},
				{"name": "rooms", "in": "query", "schema": {"type": "array", "maxItems": 2, "items": {"type": "integer"}}},
				{"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": "^\"[0-9]+\"$"}}
			],
			"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {"watts": {"type": "integer"}}}}}}
		},
		"delete": {"parameters": [{"name": "id", "in": "path", "schema": {}}]}
	}}}`))
	if err != nil {
		t.Fatal(err)
	}
	const taken, refused = http.StatusOK, http.StatusUnprocessableEntity
	for _, c := range []struct {
		method, target, match, body, blamed string
		status                              int
		ok                                  bool
	}{
		{method: "PUT", target: "/api/v1/lamps/7?rooms=1,2", match: `"3"`, body: `{"watts":5}`, status: taken, ok: true},
		{method: "PUT", target: "/api/v1/lamps/7?rooms=", body: `{}`, status: taken, ok: true},
		{method: "PUT", target: "/api/v1/lamps/0", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/x", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7?rooms=1,x", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7?rooms=1,2,3", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7?new=1", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7", match: "3", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7", body: `{"watts":"5"}`, status: taken},
		{method: "DELETE", target: "/api/v1/lamps/7", status: taken, ok: true},
		{method: "DELETE", target: "/api/v1/lamps/7", body: `{}`, status: taken},
		{method: "PUT", target: "/api/v1/lamps/7", body: `{}`, blamed: "watts", status: refused, ok: true},
		{method: "PUT", target: "/api/v1/lamps/7", body: `{}`, blamed: "rooms", status: refused, ok: true},
		{method: "PUT", target: "/api/v1/lamps/7", body: `{"new":1}`, blamed: "new", status: refused, ok: true},
		{method: "PUT", target: "/api/v1/lamps/7", body: `{}`, blamed: "voltage", status: refused},
	} {
		request := httptest.NewRequest(c.method, c.target, nil)
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("If-Match", c.match)
		a := answer{request: request, sent: c.body, status: c.status}
		if c.blamed != "" {
			format := app.ErrorFormat()
			body, _ := format.Of(rest.Problem{Status: c.status, Errors: []problem.FieldError{{Field: c.blamed, Message: "must not be"}}})
			a.body, _ = json.Marshal(body)
		}
		op, _ := s.operation(c.method, request.URL.Path)
		if err := s.checkRequest(op, a); (err == nil) != c.ok {
			t.Errorf("%+v: error %v", c, err)
		}
	}
}
