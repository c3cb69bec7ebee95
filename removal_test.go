package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The script leaves a service that builds and has no sample. REMOVAL_TESTS=all
// also runs its whole `make test`.
func TestRemoval_LeavesAServiceWithoutTheSample(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the module anew")
	}
	dir := filepath.Join(folder(t), "prefab")
	copyTracked(t, dir)
	inside := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		if name == "go" {
			// With -trimpath the build cache knows packages in a folder of another name;
			// without cgo, those of TestImage too.
			c.Env = append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0")
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
	}
	inside("./remove-sample.sh")
	if os.Getenv("REMOVAL_TESTS") == "all" {
		inside("make", "test")
	} else {
		inside("go", "vet", "./...")
		inside("go", "test", "-vet=off", "./app", "-run", "TestImports|TestOpenAPI_(ListsEveryRoute|HoldsTogether)|TestConfig")
	}

	for _, file := range []string{"handlers/openapi.json", "app/routes.go", "app/app.go", "deploy/nginx.conf", ".env.example"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if left := regexp.MustCompile(`(?i).*(product[^i]|catalogue|region sample|without sample).*`).Find(text); left != nil {
			t.Errorf("%s still has %q", file, left)
		}
	}
}

// copyTracked copies what a clone would have, with changes that are not committed.
func copyTracked(t *testing.T, dir string) {
	t.Helper()
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no clone: %v", err)
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, path)
		write(t, copied, string(content))
		if err := os.Chmod(copied, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}
