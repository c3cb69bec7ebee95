package templates_test

import (
	"bytes"
	"io/fs"
	"regexp"
	"testing"
	"testing/fstest"

	"example.com/prefab/templates"
	"example.com/prefab/templates/views"
)

func asset(name string) (string, error) { return "/static/" + name, nil }

func TestPages_ParseAndNameStaticFilesThatExist(t *testing.T) {
	if _, err := views.New(templates.Files, templates.Funcs(asset), false); err != nil {
		t.Error(err)
	}
	files, err := fs.Glob(templates.Files, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\basset\s+"([^"]*)"`)
	for _, file := range files {
		text, err := fs.ReadFile(templates.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range call.FindAllSubmatch(text, -1) {
			if _, err := fs.Stat(templates.Files, "static/"+string(match[1])); err != nil {
				t.Errorf("%s: %s: %v", file, match[0], err)
			}
		}
	}
}

func TestFuncs_FormatForPeople(t *testing.T) {
	funcs := templates.Funcs(asset)
	page := `{{define "main"}}{{range .}}{{price .}} {{stars .}} {{tint .}};{{end}}{{end}}`
	pages, err := views.New(fstest.MapFS{
		"layout.html": {Data: []byte(`{{template "main" .}}`)}, "parts.html": {}, "page.html": {Data: []byte(page)},
	}, funcs, false)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := pages.Render(&got, "page", []int64{0, 5, 99, 100, 99_999, 100_000, 123_456_789}); err != nil {
		t.Fatal(err)
	}
	want := "€0.00 ☆☆☆☆☆ 0;€0.05 ★★★★★ 5;€0.99 ★★★★★ 3;€1.00 ★★★★★ 4;€999.99 ★★★★★ 3;" +
		"€1,000.00 ★★★★★ 4;€1,234,567.89 ★★★★★ 9;"
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", &got, want)
	}
}
