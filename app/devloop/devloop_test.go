//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatch_TellsWhatTheProgramIsBuiltFrom(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"main.go", ".git/index", "bin/x", "other/go.mod", "other/x.go", "services/lamps.go"} {
		write(t, path, "")
	}
	changes, err := watch(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{".git/index", "bin/x", "other/x.go", "main_test.go", ".main.go.swp", "main.go~"} {
		write(t, path, "1")
	}
	want := []string{".env", "handlers/web/new.go", "main.go", "services/lamps.go"} // one of them in a new folder
	for _, path := range want {
		write(t, path, "1")
	}
	var seen []string
	devtest.Eventually(t, "all are told", func() bool {
		select {
		case changed := <-changes:
			seen = append(seen, changed...)
		default:
		}
		slices.Sort(seen)
		seen = slices.Compact(seen)
		return len(seen) >= len(want)
	})
	if !slices.Equal(seen, want) {
		t.Errorf("told are %q", seen)
	}
}

func TestSettings_ChangesAreToldByName(t *testing.T) {
	t.Chdir(t.TempDir())
	l := &loop{environ: environment([]string{"LOG_LEVEL=debug"})}
	for _, c := range []struct {
		file    string
		want    []string
		restart bool
	}{
		{"", nil, false},
		{"PORT=3000\nSESSION_TTL=1h\n", []string{"PORT", "SESSION_TTL"}, true},
		{"PORT=3000\nSESSION_TTL=2h\n", []string{"SESSION_TTL"}, false},
		{"SESSION_TTL=2h\nLOG_LEVEL=warn\nWORKERS=2\n", []string{
			"LOG_LEVEL (without effect: make dev or its environment sets it)", "PORT",
			"WORKERS (without effect: make dev or its environment sets it)",
		}, true},
	} {
		write(t, settingsFile, c.file)
		got := l.changedSettings()
		if !slices.Equal(got, c.want) || needsRestart(got) != c.restart {
			t.Errorf("%q: told are %q, restart %t", c.file, got, needsRestart(got))
		}
		l.settings = readSettings()
	}
}

// Of two entries the last one counts.
func TestEnvironment_WinsOverWhatDevelopmentWants(t *testing.T) {
	got := environment([]string{"WORKERS=3", "PREFORK=false"})
	if slices.Index(got, "WORKERS=3") < slices.Index(got, "WORKERS=1") || got[len(got)-1] != "PREFORK=true" {
		t.Errorf("%q", got)
	}
}
