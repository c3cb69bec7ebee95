package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// docs/security.md names a test for each defence. One that was renamed or removed would be a
// defence that nobody tests.
func TestSecurity_NamesTestsThatThereAre(t *testing.T) {
	defined, declaration := make(map[string]bool), regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if match, _ := filepath.Match("*_test.go", entry.Name()); err != nil || !match {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range declaration.FindAllStringSubmatch(string(text), -1) {
			defined[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 40 {
		t.Fatalf("docs/security.md names %d tests", len(named))
	}
	for _, name := range named {
		if !defined[name[1]] {
			t.Errorf("docs/security.md names %s, which is not there", name[1])
		}
	}
}
