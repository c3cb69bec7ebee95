package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// catalogue returns the settings of a database with 250 samples.
func catalogue(t *testing.T) (database string, settings []string) {
	t.Helper()
	database, settings = configured(t)
	if code, said := command(t, settings, "seed", "--products", "250"); code != 0 {
		t.Fatalf("seed ends with %d:\n%s", code, said)
	}
	return database, settings
}

// entries lists a folder.
func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

func TestExport_WritesAFileOrStandardOutput(t *testing.T) {
	_, settings := catalogue(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "products")
	for format, lines := range map[string]int{"json": 250, "csv": 251} {
		if code, said := command(t, settings, "export", "--format", format, "--out", file); code != 0 || said != "" {
			t.Fatalf("%s to a file ends with %d:\n%s", format, code, said)
		}
		written, err := os.ReadFile(file)
		if err != nil || strings.Count(string(written), "\n") < lines { // samples may have lines in a cell
			t.Errorf("%s: the file has %d lines, error %v", format, strings.Count(string(written), "\n"), err)
		}
		code, said := command(t, settings, "export", "--format", format)
		if code != 0 || said != strings.ReplaceAll(string(written), "\r\n", "\n") { // lines are read one by one
			t.Errorf("%s to standard output ends with %d, and is another text of %d bytes", format, code, len(said))
		}
	}
	if names := entries(t, dir); len(names) != 1 {
		t.Errorf("the folder holds %v", names)
	}
}

// What a failed one leaves, services/export shows.
func TestExport_InterruptedLeavesNoPart(t *testing.T) {
	database, settings := catalogue(t)
	defer lockTable(t, database, "products")()
	dir := t.TempDir()
	p := launch(t, checkout(t), []string{"export", "--out", filepath.Join(dir, "products.csv"), "--format", "csv"}, settings...)
	eventually(t, "the query waits", func() bool { return waiting(t, database) })
	if len(entries(t, dir)) != 1 {
		t.Errorf("there is no part to be left: %v", entries(t, dir))
	}
	p.signal(syscall.SIGINT)
	p.wantExit(130)
	if names := entries(t, dir); len(names) > 0 {
		t.Errorf("it leaves %v", names)
	}
}
