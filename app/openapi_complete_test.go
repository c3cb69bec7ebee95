package app_test

import (
	"strings"
	"testing"
)

// The document tells of each operation what it does, with what, and what comes back, with an
// example of each JSON.
func TestOpenAPI_IsComplete(t *testing.T) {
	for _, missing := range theSpec(t).gaps() {
		t.Error(missing)
	}
}

// gaps lists what the document leaves out.
func (s *spec) gaps() (gaps []string) {
	want := func(at, member string) {
		if s.object(at)[member] == nil || s.object(at)[member] == "" {
			gaps = append(gaps, "the "+member+" is missing at "+at)
		}
	}
	content := func(at string) {
		for media := range s.object(at + "/content") {
			place := at + "/content/" + escape(media)
			want(place, "schema")
			if strings.HasSuffix(media, "json") && s.object(place)["examples"] == nil {
				want(place, "example")
			}
		}
	}
	for _, op := range s.operations {
		want(op.at, "summary")
		want(op.at, "operationId")
		want(op.at, "responses")
		for _, at := range s.parameters(op) {
			want(at, "description")
		}
		content(op.at + "/requestBody")
		for status := range s.object(op.at + "/responses") {
			_, at := s.follow(op.at + "/responses/" + status)
			want(at, "description")
			want(at+"/headers/X-Request-Id", "schema")
			content(at)
			for name := range s.object(at + "/headers") {
				want(at+"/headers/"+name, "description")
			}
			if status >= "400" && len(s.object(at+"/content")) == 0 {
				want(at, "content")
			}
		}
	}
	return gaps
}

func TestOpenAPI_GapsAreSeen(t *testing.T) {
	s, err := newSpec([]byte(`{"paths": {"/lamps": {"post": {
		"operationId": "addLamp", "parameters": [{"name": "dry", "in": "query"}],
		"requestBody": {"content": {"application/json": {"schema": {}}}},
		"responses": {"201": {"description": "Yes.", "headers": {"X-Request-Id": {"schema": {}}}, "content": {"text/plain": {}}}, "404": {}}
	}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	gaps := strings.Join(s.gaps(), "\n")
	for _, want := range []string{
		"the summary is missing at /paths/~1lamps/post",
		"the description is missing at /paths/~1lamps/post/parameters/0",
		"the example is missing at /paths/~1lamps/post/requestBody/content/application~1json",
		"the description is missing at /paths/~1lamps/post/responses/201/headers/X-Request-Id",
		"the schema is missing at /paths/~1lamps/post/responses/201/content/text~1plain",
		"the description is missing at /paths/~1lamps/post/responses/404",
		"the schema is missing at /paths/~1lamps/post/responses/404/headers/X-Request-Id",
		"the content is missing at /paths/~1lamps/post/responses/404",
	} {
		if !strings.Contains(gaps, want) {
			t.Errorf("%q is not seen in\n%s", want, gaps)
		}
	}
	if count := len(s.gaps()); count != 8 {
		t.Errorf("%d gaps are seen:\n%s", count, gaps)
	}
}
