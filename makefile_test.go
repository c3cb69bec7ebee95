package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// fakeGo is what make finds as go: compiling is not what this test is about.
const fakeGo = `#!/bin/sh
[ "$1" = build ] || { echo "unexpected: go $*"; exit 1; }
mkdir -p "${3%/*}"; cp "$PREFAB_BINARY" "$3"
`

// The folder's name holds what shells, make, URLs and the servers' configuration
// give a meaning of their own.
func TestMake_RunServesInAFolderOfAnyName(t *testing.T) {
	root := folder(t)
	dir := filepath.Join(root, `a b'"$HOME#%20;ü`, "prefab")
	for _, name := range []string{"Makefile", "go.mod", "app/devservices/install.sh"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(content))
	}
	write(t, filepath.Join(root, "fake", "go"), fakeGo)
	environment := []string{"PREFAB_BINARY=" + binary, "PATH=" + filepath.Join(root, "fake") + ":" + os.Getenv("PATH")}
	p := follow(t, exec.Command("make", "run"), nil, dir, environment)
	eventually(t, "it serves", func() bool { return servingAt.MatchString(p.said()) || p.closed() })
	if p.closed() {
		t.Fatalf("it ended:\n%s", p.said())
	}
	p.URL = "http://" + servingAt.FindStringSubmatch(p.said())[1]
	p.serves()
	p.signal(syscall.SIGTERM)
	p.exit()
	eventually(t, "its servers ended", func() bool { return len(serversOf(t, dir)) == 0 })
}
