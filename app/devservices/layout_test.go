//go:build unix

package devservices

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestStart_OddPathsKeepTheirSocketsElsewhere(t *testing.T) {
	for name, folder := range map[string]string{
		"too long for a socket":         strings.Repeat("long", 25),
		"two hosts in lib/pq's eyes":    "a,b",
		"in need of escaping in a URL?": "a b%20c?d=e&f#g",
		"in need of quotes":             `a'b"c\$HOME;ü`,
	} {
		t.Run(name, func(t *testing.T) {
			o := options(filepath.Join(checkout(t), folder))
			if err := os.Mkdir(o.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			p, err := findLayout(o.Dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if strings.HasPrefix(p.run, "/tmp/") {
					_ = os.RemoveAll(p.run)
				}
			})
			s := start(t, o)
			remember(t, s, "word")
			recall(t, s, "word")
		})
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

func TestFindLayout_RefusesASymlink(t *testing.T) {
	dir := checkout(t)
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, ".data")); err != nil {
		t.Fatal(err)
	}
	if _, err := findLayout(dir); err == nil {
		t.Error("followed a symlink")
	}
}

func TestRoot_DropsPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	s := start(t, options(checkout(t)))
	for _, pid := range s.PIDs() {
		info, err := os.Stat("/proc/" + itoa(pid))
		if err != nil {
			t.Fatal(err)
		}
		if info.Sys().(*syscall.Stat_t).Uid == 0 {
			out, _ := exec.Command("ps", "-p", itoa(pid)).Output()
			t.Errorf("runs as root: %s", out)
		}
	}
}

func TestRoot_LeavesTheDataToTheCheckoutsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	dir := checkout(t)
	const daemon = 1 // a user every system has
	if err := os.Chown(dir, daemon, daemon); err != nil {
		t.Fatal(err)
	}
	p, err := findLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.who.uid != daemon || p.dir != filepath.Join(dir, ".data") {
		t.Errorf("user %d in %s", p.who.uid, p.dir)
	}
}

func TestRoot_KeepsTheDataOutsideACheckoutThatTheServersCannotReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	dir := checkout(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := findLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(p.dir) })
	if !strings.HasPrefix(p.dir, "/var/lib/prefab/") || !p.who.canEnter(p.dir) {
		t.Errorf("data in %s", p.dir)
	}
}
