package views_test

import (
	"bytes"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/templates/views"
)

var _ fiber.Views = (*views.Views)(nil)

var funcs = template.FuncMap{"shout": strings.ToUpper}

func small(page string) fstest.MapFS {
	return fstest.MapFS{
		"layout.html": {Data: []byte(`<title>{{.Title}}</title>{{template "main" .}}`)},
		"parts.html":  {Data: []byte(`{{define "part"}}part{{end}}`)},
		"page.html":   {Data: []byte(page)},
	}
}

func TestNew_RefusesABrokenPage(t *testing.T) {
	for name, page := range map[string]string{
		"unclosed":             `{{define "main"}}{{if .X}}{{end}}`,
		"an unknown function":  `{{define "main"}}{{whisper .Title}}{{end}}`,
		"an unknown part":      `{{define "main"}}{{template "none" .}}{{end}}`,
		"no main":              `{{define "other"}}{{end}}`,
		"half an attribute":    `{{define "main"}}<a href="{{if .X}}">{{end}}{{end}}`,
		"a script that breaks": `{{define "main"}}<script>{{if .X}}"{{end}}</script>{{end}}`,
	} {
		if _, err := views.New(small(page), funcs, false); err == nil || !strings.Contains(err.Error(), "the page page") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := views.New(fstest.MapFS{}, funcs, false); err == nil {
		t.Error("a folder without pages passes")
	}
	broken := small(`{{define "main"}}{{end}}`)
	broken["layout.html"] = &fstest.MapFile{Data: []byte(`{{`)}
	if _, err := views.New(broken, funcs, false); err == nil {
		t.Error("a broken layout passes")
	}
}

func TestRender_WritesAPageInItsLayoutAndReloadsIfAsked(t *testing.T) {
	for _, reload := range []bool{false, true} {
		files := small(`{{define "main"}}before {{shout "x"}} {{template "part"}}{{end}}`)
		v, err := views.New(files, funcs, reload)
		if err != nil {
			t.Fatal(err)
		}
		render := func() string {
			var text bytes.Buffer
			if err := v.Render(&text, "page", map[string]string{"Title": "<b>"}); err != nil {
				t.Fatal(err)
			}
			return text.String()
		}
		if got := render(); got != "<title>&lt;b&gt;</title>before X part" {
			t.Errorf("got %q", got)
		}
		files["page.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}after{{end}}`)}
		files["more.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}more{{end}}`)}
		if got := render(); strings.Contains(got, "after") != reload {
			t.Errorf("reload %t: got %q", reload, got)
		}
		if err := v.Render(io.Discard, "more", nil); (err == nil) != reload {
			t.Errorf("reload %t: of a new page: %v", reload, err)
		}
		files["page.html"] = &fstest.MapFile{Data: []byte(`{{define "main"}}{{`)}
		if err := v.Render(io.Discard, "page", nil); (err == nil) == reload {
			t.Errorf("reload %t: of a page that has been broken: %v", reload, err)
		}
	}
}

func TestFiles_AreThoseOnDiskIfWantedAndThere(t *testing.T) {
	folder := t.TempDir()
	for _, there := range []bool{false, true} {
		for _, wanted := range []bool{false, true} {
			if _, onDisk := views.Files(small(""), folder, wanted); onDisk != (there && wanted) {
				t.Errorf("there %t, wanted %t: on disk %t", there, wanted, onDisk)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, "layout.html"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// barrier is data that is there once so many renderings have reached it.
type barrier struct{ reached, open chan struct{} }

func (b barrier) Wait() string {
	b.reached <- struct{}{}
	<-b.open
	return "through"
}

// Fiber's own engine renders the pages of a layout one after the other.
func TestRender_OfOnePageRunsInParallel(t *testing.T) {
	v, err := views.New(small(`{{define "main"}}{{.Page.Wait}}{{end}}`), funcs, false)
	if err != nil {
		t.Fatal(err)
	}
	page := barrier{make(chan struct{}), make(chan struct{})}
	const many = 8
	var renderings sync.WaitGroup
	for range many {
		renderings.Go(func() {
			var body strings.Builder
			err := v.Render(&body, "page", map[string]any{"Title": "all", "Page": page})
			if err != nil || body.String() != "<title>all</title>through" {
				t.Errorf("got %q, %v", body.String(), err)
			}
		})
	}
	for range many {
		<-page.reached // it hangs here if renderings wait for each other
	}
	close(page.open)
	renderings.Wait()
}
