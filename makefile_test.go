package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// fakeGo is what make finds as go: compiling is not what these tests are about.
const fakeGo = `#!/bin/sh
set -e
case $1 in
build) mkdir -p "${3%/*}"; cp "$PREFAB_BINARY" "$3" ;;
install)
  tool=${2##*/}; tool=$GOBIN/${tool%@*}
  mkdir -p "$GOBIN"; printf '#!/bin/sh\necho "${0##*/} ran"\n' >"$tool"; chmod +x "$tool" ;;
*) echo "unexpected: go $*"; exit 1 ;;
esac
`

// oddCheckout is a folder with what `make run` needs, and the environment that
// replaces the compiler. Its path holds what shells, make, URLs and the servers'
// configuration give a meaning of their own.
func oddCheckout(t *testing.T) (root, dir string, environment []string) {
	t.Helper()
	root = folder(t)
	dir = filepath.Join(root, `a b'"$HOME#%20;ü`, "prefab")
	for _, name := range []string{"Makefile", "go.mod", "bench/go.mod", "app/devservices/install.sh"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(content))
	}
	write(t, filepath.Join(root, "fake", "go"), fakeGo)
	return root, dir, []string{"PREFAB_BINARY=" + binary, "PATH=" + filepath.Join(root, "fake") + ":" + os.Getenv("PATH")}
}

// runMake runs a target to its end and returns what it said.
func runMake(t *testing.T, dir string, environment []string, target string) string {
	t.Helper()
	p := follow(t, exec.Command("make", target), nil, dir, environment)
	if code := p.exit(); code != 0 {
		t.Errorf("make %s ends with %d", target, code)
	}
	eventually(t, "its output is complete", p.closed)
	return p.said()
}

func TestMake_RunServesInAFolderOfAnyName(t *testing.T) {
	_, dir, environment := oddCheckout(t)
	p := follow(t, exec.Command("make", "run"), nil, dir, environment)
	eventually(t, "it serves", func() bool { return servingAt.MatchString(p.said()) || ended(p) })
	if ended(p) {
		t.Fatalf("it ended:\n%s", p.said())
	}
	p.URL = "http://" + servingAt.FindStringSubmatch(p.said())[1]
	p.serves()
	p.signal(syscall.SIGTERM)
	p.exit()
	eventually(t, "its servers ended", func() bool { return len(serversOf(t, dir)) == 0 })
}

func TestMake_LintRunsInAFolderOfAnyName(t *testing.T) {
	_, dir, environment := oddCheckout(t)
	for range 2 { // the second time the tools are there
		said := runMake(t, dir, environment, "lint")
		for _, tool := range []string{"golangci-lint", "govulncheck"} {
			if !regexp.MustCompile(tool + `-v\S+ ran\n`).MatchString(said) {
				t.Errorf("%s did not run:\n%s", tool, said)
			}
		}
	}
}

func TestMake_CleanRemovesNothingElse(t *testing.T) {
	root, dir, environment := oddCheckout(t)
	others := []string{filepath.Join(root, "a", "file"), filepath.Join(dir, "go.mod")}
	write(t, others[0], "")
	for _, name := range []string{"bin/prefab", ".axe/file", ".conformance/file", ".data/file"} {
		write(t, filepath.Join(dir, name), "")
	}
	runMake(t, dir, environment, "clean")
	for _, path := range others {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it removed what was not its own: %v", err)
		}
	}
	for _, name := range []string{"bin", ".axe", ".conformance", ".data"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("it left %s", name)
		}
	}
}
