package templates_test

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/templates"
)

var _ fiber.Views = (*templates.Views)(nil)

func noAsset(name string) (string, error) { return "/static/" + name, nil }

func TestNew_TakesThePagesThatAreBuiltIn(t *testing.T) {
	if _, err := templates.New(templates.Embedded(), noAsset, false); err != nil {
		t.Error(err)
	}
}

func small(page string) fstest.MapFS {
	return fstest.MapFS{
		"layout.html":     {Data: []byte(`<title>{{.Title}}</title>{{template "main" .}}`)},
		"parts.html":      {Data: []byte(`{{define "part"}}part{{end}}`)},
		"pages/page.html": {Data: []byte(page)},
	}
}

func TestNew_RefusesABrokenPage(t *testing.T) {
	for name, page := range map[string]string{
		"unclosed":             `{{define "main"}}{{if .X}}{{end}}`,
		"an unknown function":  `{{define "main"}}{{shout .Title}}{{end}}`,
		"an unknown part":      `{{define "main"}}{{template "none" .}}{{end}}`,
		"no main":              `{{define "other"}}{{end}}`,
		"half an attribute":    `{{define "main"}}<a href="{{if .X}}">{{end}}{{end}}`,
		"a script that breaks": `{{define "main"}}<script>{{if .X}}"{{end}}</script>{{end}}`,
	} {
		if _, err := templates.New(small(page), noAsset, false); err == nil || !strings.Contains(err.Error(), "the page page") {
			t.Errorf("%s: %v", name, err)
		}
	}
	noFile := func(string) (string, error) { return "", fs.ErrNotExist }
	for _, name := range []string{
		`{{asset "none.css"}}`,
		`{{with .Page}}{{range .Items}}<p>{{asset "none.css"}}</p>{{end}}{{end}}`,
		`{{if .X}}{{else}}{{with asset "none.css"}}{{.}}{{end}}{{end}}`,
		`{{if eq .X (asset "none.css")}}{{end}}`,
		`{{template "part" (asset "none.css")}}`,
		`{{$file := asset "none.css"}}`,
	} {
		page := `{{define "main"}}` + name + `{{end}}`
		if _, err := templates.New(small(page), noFile, false); err == nil || !strings.Contains(err.Error(), "none.css") {
			t.Errorf("a page with %s passes, although there is no such file: %v", name, err)
		}
	}
	if _, err := templates.New(small(`{{define "main"}}{{with .X}}{{asset .}}{{end}}{{end}}`), noFile, false); err != nil {
		t.Errorf("a name that is known later: %v", err)
	}
	if _, err := templates.New(fstest.MapFS{}, noAsset, false); err == nil {
		t.Error("a folder without pages passes")
	}
	broken := small(`{{define "main"}}{{end}}`)
	broken["layout.html"] = &fstest.MapFile{Data: []byte(`{{`)}
	if _, err := templates.New(broken, noAsset, false); err == nil {
		t.Error("a broken layout passes")
	}
}

func rendered(t *testing.T, views *templates.Views, page string, data any) string {
	t.Helper()
	var text bytes.Buffer
	if err := views.Render(&text, page, data); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestRender_ReloadsWhereItIsAsked(t *testing.T) {
	for _, reload := range []bool{false, true} {
		files := small(`{{define "main"}}before{{end}}`)
		views, err := templates.New(files, noAsset, reload)
		if err != nil {
			t.Fatal(err)
		}
		files["pages/page.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}after{{end}}`)}
		files["pages/more.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}more{{end}}`)}
		if got := rendered(t, views, "page", nil); strings.Contains(got, "after") != reload {
			t.Errorf("reload %t: got %q", reload, got)
		}
		if err := views.Render(io.Discard, "more", nil); (err == nil) != reload {
			t.Errorf("reload %t: of a new page: %v", reload, err)
		}
		files["pages/page.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}{{`)}
		if err := views.Render(io.Discard, "page", nil); (err == nil) == reload {
			t.Errorf("reload %t: of a page that has been broken: %v", reload, err)
		}
	}
}

func TestFuncs_WriteWhatPeopleRead(t *testing.T) {
	files := small(`{{define "main"}}{{range .Of}}{{price .}} {{stars .}} {{tint .}};{{end}}{{end}}`)
	views, err := templates.New(files, noAsset, false)
	if err != nil {
		t.Fatal(err)
	}
	got := rendered(t, views, "page", map[string]any{"Title": "", "Of": []int64{0, 5, 99, 100, 99_999, 100_000, 123_456_789}})
	want := "<title></title>€0.00 ☆☆☆☆☆ 0;€0.05 ★★★★★ 5;€0.99 ★★★★★ 3;€1.00 ★★★★★ 4;€999.99 ★★★★★ 3;" +
		"€1,000.00 ★★★★★ 4;€1,234,567.89 ★★★★★ 9;"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
