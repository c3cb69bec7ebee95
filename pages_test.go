package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withTemplates is a checkout whose templates can be worked on.
func withTemplates(t *testing.T) (dir string, change func(file, from, to string)) {
	t.Helper()
	dir = checkout(t)
	if err := os.CopyFS(filepath.Join(dir, "templates"), os.DirFS("templates")); err != nil {
		t.Fatal(err)
	}
	return dir, func(file, from, to string) {
		t.Helper()
		path := filepath.Join(dir, "templates", file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), from) {
			t.Fatalf("%s does not hold %q", file, from)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTemplates_ChangesShowAtOnceInDevelopmentAlone(t *testing.T) {
	for environment, want := range map[string]bool{"development": true, "production": false} {
		dir, change := withTemplates(t)
		_, settings := configured(t)
		p := start(t, dir, append(settings, "APP_ENV="+environment, "PREFORK=false", "LOG_FORMAT=text")...)
		if status, page := p.get("/login"); status != 200 || !strings.Contains(page, "<h1>") {
			t.Fatalf("%s: %d %s", environment, status, page)
		}
		change("login.html", "<h1>", "<h1>Changed: ")
		change("static/prefab.css", "--page:", "--changed: 1; --page:")
		_, page := p.get("/login?next=") // not one that is cached
		if got := strings.Contains(page, "<h1>Changed: "); got != want {
			t.Errorf("%s: the change shows: %t", environment, got)
		}
		_, rest, _ := strings.Cut(page, `<link rel="stylesheet" href="`)
		sheet, _, _ := strings.Cut(rest, `"`)
		if status, text := p.get(sheet); status != 200 || strings.Contains(text, "--changed") != want {
			t.Errorf("%s: the style sheet %s: %d", environment, sheet, status)
		}
		change("login.html", "{{define", "{{broken")
		if status, _ := p.get("/login?next="); (status == 500) != want {
			t.Errorf("%s: with a broken page: %d", environment, status)
		}
	}
}

func TestTemplates_ABrokenOneStopsTheStart(t *testing.T) {
	dir, change := withTemplates(t)
	_, settings := configured(t)
	change("login.html", "{{end}}", "")
	p := launch(t, dir, nil, settings...)
	p.wantExit(1)
	p.says("parse the page login")
}

// What .dockerignore leaves out, the image lacks.
func TestImage_GetsEveryPackage(t *testing.T) {
	ignored, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := fs.Glob(os.DirFS("."), "*/*.go")
	if err != nil || len(packages) == 0 {
		t.Fatalf("no packages were found: %v", err)
	}
	for _, file := range packages {
		folder := filepath.Dir(file)
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			continue // a module of its own
		}
		if !strings.Contains(string(ignored), "\n!"+folder+"\n") {
			t.Errorf("the image is built without %s/", folder)
		}
	}
}
