//go:build unix

package devservices

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestStart_WorksBelowOddPaths(t *testing.T) {
	o := options(t)
	o.NeedPostgres, o.Dir = true, filepath.Join(o.Dir, `a b%20c?d=e&f#g'h"i\$HOME;ü`)
	if err := os.Mkdir(o.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t, o)
	remember(t, s, "word")
	recall(t, s, "word")
	psql, err := exec.LookPath("psql")
	if err != nil {
		return // a client that Prefab does not need
	}
	if out, err := exec.Command(psql, s.DatabaseURL, "-Atc", "SELECT current_user").Output(); err != nil || string(out) != "prefab\n" {
		t.Errorf("psql says %q, %v", out, err)
	}
}

func TestFindLayout_KeepsSocketsElsewhereWhereTheirPathDoesNotFit(t *testing.T) {
	for name, folder := range map[string]string{"too long": strings.Repeat("long", 25), "two paths to PostgreSQL": "a,b"} {
		dir := filepath.Join(checkout(t), folder)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		p := mustFindLayout(t, dir)
		if !strings.HasPrefix(p.run, "/tmp/prefab-") {
			t.Errorf("%s: sockets in %s", name, p.run)
			continue
		}
		_ = os.Remove(p.run)
	}
}

func TestFindLayout_RefusesFoldersThatOthersCanEnter(t *testing.T) {
	dir := checkout(t)
	if err := os.Mkdir(filepath.Join(dir, ".data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, ".data"), 0o755); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if _, err := findLayout(dir); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("error %v does not say what to do", err)
	}
}

func TestLayout_FollowsNoSymlink(t *testing.T) {
	dir := checkout(t)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, ".data")); err != nil {
		t.Fatal(err)
	}
	if _, err := findLayout(dir); err == nil {
		t.Error("to a folder: it did")
	}
	p := mustFindLayout(t, checkout(t))
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), p.path("lock")); err != nil {
		t.Fatal(err)
	}
	if f, err := p.lock("lock"); err == nil {
		_ = f.Close()
		t.Error("to a file: it did")
	}
}

func TestRoot_DropsPrivileges(t *testing.T) {
	skipUnlessRoot(t)
	o := options(t)
	o.NeedPostgres = true
	for _, pid := range start(t, o).PIDs() {
		info, err := os.Stat("/proc/" + itoa(pid))
		if err != nil {
			t.Fatal(err)
		}
		if info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("process %d runs as root", pid)
		}
	}
}

func TestRoot_LeavesTheDataToTheCheckoutsOwner(t *testing.T) {
	skipUnlessRoot(t)
	dir := checkout(t)
	const daemon = 1 // a user every system has
	if err := os.Chown(dir, daemon, daemon); err != nil {
		t.Fatal(err)
	}
	if p := mustFindLayout(t, dir); p.who.uid != daemon || p.dir != filepath.Join(dir, ".data") {
		t.Errorf("user %d in %s", p.who.uid, p.dir)
	}
}

func TestRoot_KeepsTheDataOutsideACheckoutThatTheServersCannotReach(t *testing.T) {
	skipUnlessRoot(t)
	dir := checkout(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := mustFindLayout(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	if !strings.HasPrefix(p.dir, "/var/lib/prefab/") || !p.who.canEnter(p.dir) {
		t.Errorf("data in %s", p.dir)
	}
}

func skipUnlessRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
}
