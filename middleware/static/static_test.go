package static_test

import (
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/middleware/fibertest"
	"example.com/prefab/middleware/negotiate"
	"example.com/prefab/middleware/static"
)

const forGood = "public, max-age=31536000, immutable"

var sheet = strings.Repeat("p { color: red; }\n", 100)

func staticApp(t *testing.T, files fs.FS, reload bool) (*fiber.App, *static.Files) {
	t.Helper()
	served, err := static.New("/static/", files, reload)
	if err != nil {
		t.Fatal(err)
	}
	app := fibertest.New()
	app.Use(negotiate.ConditionalRequests)
	app.Get("/static/:file", served.Serve)
	return app, served
}

func address(t *testing.T, served *static.Files, name string) string {
	t.Helper()
	url, err := served.URL(name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func files() fstest.MapFS {
	return fstest.MapFS{
		"a.css":        {Data: []byte(sheet)},
		"dot.svg":      {Data: []byte("<svg/>")},
		"picture.png":  {Data: []byte("\x89PNG" + sheet)},
		"no-extension": {Data: []byte("x")},
		"font.a.woff2": {Data: []byte("font")},
		"folder/b.css": {Data: []byte(sheet)},
	}
}

func TestStatic_SendsTheEncodingThatTheClientPrefers(t *testing.T) {
	app, served := staticApp(t, files(), false)
	path := address(t, served, "a.css")
	unpack := map[string]func([]byte) ([]byte, error){
		"":     func(b []byte) ([]byte, error) { return b, nil },
		"br":   func(b []byte) ([]byte, error) { return fasthttp.AppendUnbrotliBytes(nil, b) },
		"zstd": func(b []byte) ([]byte, error) { return fasthttp.AppendUnzstdBytes(nil, b) },
		"gzip": func(b []byte) ([]byte, error) { return fasthttp.AppendGunzipBytes(nil, b) },
	}
	tags := map[string]bool{}
	for accepted, want := range map[string]string{
		"": "", "identity": "", "br": "br", "gzip, deflate, br, zstd": "br", "gzip": "gzip", "zstd, gzip;q=0.5": "zstd", "br;q=0, gzip": "gzip",
	} {
		response, body := fibertest.Send(t, app, "GET", path, "Accept-Encoding", accepted)
		if got := response.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%q gets %q, want %q", accepted, got, want)
			continue
		}
		plain, err := unpack[want]([]byte(body))
		if err != nil || string(plain) != sheet {
			t.Errorf("%q: what it gets is not the file: %v", accepted, err)
		}
		if want != "" && len(body) > len(sheet)/5 {
			t.Errorf("%q: %d bytes of %d", accepted, len(body), len(sheet))
		}
		tag := response.Header.Get("ETag")
		tags[tag] = true
		if response.Header.Get("Vary") != "Accept-Encoding" || response.Header.Get("Cache-Control") != forGood ||
			response.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%q: %v", accepted, response.Header)
		}
		if again, _ := fibertest.Send(t, app, "GET", path, "Accept-Encoding", accepted, "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%q: asked again with its ETag: %d", accepted, again.StatusCode)
		}
	}
	if len(tags) != 4 {
		t.Errorf("four forms have the ETags %v", tags)
	}
}

func TestStatic_DoesNotCompressWhatDoesNotShrink(t *testing.T) {
	app, served := staticApp(t, files(), false)
	for name, kind := range map[string]string{"picture.png": "image/png", "dot.svg": "image/svg+xml"} {
		response, body := fibertest.Send(t, app, "GET", address(t, served, name), "Accept-Encoding", "br")
		if response.Header.Get("Content-Encoding") != "" || response.Header.Get("Content-Type") != kind || body != string(files()[name].Data) {
			t.Errorf("%s: %v", name, response.Header)
		}
	}
}

// While a version is rolled out, a page of one may ask another for its files.
func TestStatic_AnotherVersionIsNotStored(t *testing.T) {
	app, _ := staticApp(t, files(), false)
	for path, want := range map[string]string{
		"/static/a.0123456789abcdef.css": sheet, "/static/a.css": sheet, "/static/font.a.woff2": "font", "/static/font.a.0123.woff2": "font",
	} {
		response, body := fibertest.Send(t, app, "GET", path)
		if response.StatusCode != 200 || body != want || response.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, %v", path, response.StatusCode, response.Header)
		}
	}
}

func TestStatic_WhatIsNotThereIs404(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, files()); err != nil {
		t.Fatal(err)
	}
	for _, reload := range []bool{false, true} {
		app, served := staticApp(t, os.DirFS(dir), reload)
		for _, path := range []string{
			"/static/b.css", "/static/", "/static/.", "/static/..", "/static/%2e%2e", "/static/..%2fmiddleware.go", "/static/folder/b.css",
			"/static/folder%2fb.css", "/static/a.0123.js", "/static/%00", "/static/%ff", "/static/a.css/", "/static/..%5cstatic.go",
			"/static/folder", "/static/" + strings.Repeat("a", 300) + ".css", "/static/.css", "/static/..css",
		} {
			if response, _ := fibertest.Send(t, app, "GET", path); response.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, response.StatusCode)
			}
		}
		if url, err := served.URL("none.css"); err == nil {
			t.Errorf("there is a URL %q of what is not there", url)
		}
	}
}

func TestStatic_ReloadShowsChangesAtOnce(t *testing.T) {
	changing := files()
	app, served := staticApp(t, changing, true)
	before := address(t, served, "a.css")
	changing["a.css"] = &fstest.MapFile{Data: []byte("b {}")}
	after := address(t, served, "a.css")
	if before == after {
		t.Error("another content has the same address")
	}
	for path, control := range map[string]string{before: "no-cache", after: forGood} {
		if response, body := fibertest.Send(t, app, "GET", path); body != "b {}" || response.Header.Get("Cache-Control") != control {
			t.Errorf("%s: %q, %v", path, body, response.Header)
		}
	}
}
