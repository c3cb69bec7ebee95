package export_test

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"example.com/prefab/services/export"
)

func chunks(texts ...string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, text := range texts {
			if text == "fail" {
				yield(nil, errors.New("broken"))
				return
			}
			if !yield([]byte(text), nil) {
				return
			}
		}
	}
}

func TestWriteFile_ReplacesARegularFileAsAWholeOrLeavesIt(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		path string
		in   iter.Seq2[[]byte, error]
		ok   bool
		want string // in the file
	}{
		{file, chunks("a", "b"), true, "ab"},
		{file, chunks("c", "fail"), false, "ab"},
		{file, chunks("d"), true, "d"},
		{link, chunks("e"), false, "d"},
		{"/dev/null", chunks("e"), false, "d"},
		{filepath.Join(dir, "none", "x"), chunks("e"), false, "d"},
	} {
		err := export.WriteFile(step.path, step.in)
		if text, _ := os.ReadFile(file); (err == nil) != step.ok || string(text) != step.want {
			t.Errorf("%s: error %v, the file has %q, want %q", step.path, err, text, step.want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, error %v", entries, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, error %v", info.Mode(), err)
	}
}
