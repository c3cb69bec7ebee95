//go:build unix

package devservices

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user who runs the servers and owns their files.
type account struct {
	uid, gid uint32
	dropped  bool // we are root, and it is somebody else
}

// serviceAccount is ourselves, unless we are root, as whom PostgreSQL refuses to
// run. Root takes the account of whoever owns the state or the checkout, so that
// one run under sudo does not lock the owner out of the data; in a checkout of
// root's own it takes a system account.
func serviceAccount(paths ...string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid())}, nil
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		uid := info.Sys().(*syscall.Stat_t).Uid
		if uid == 0 {
			continue
		}
		// initdb refuses to run as a user without a name, as in a container.
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			return dropTo(u)
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return dropTo(u)
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it: " +
		"start as an ordinary user, or set DATABASE_URL")
}

func dropTo(u *user.User) (account, error) {
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return account{}, fmt.Errorf("read user %s: %w", u.Username, err)
	}
	return account{uid: uint32(uid), gid: uint32(gid), dropped: true}, nil
}

// attr makes a child belong to the account, in a process group of its own: a
// Ctrl-C in the terminal must not reach the servers before we have drained.
func (a account) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.dropped {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// chown hands over a file that we made.
func (a account) chown(path string) error {
	if !a.dropped {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// canEnter asks the kernel rather than the mode bits, which are not all of it.
func (a account) canEnter(dir string) bool {
	cmd := exec.Command("/bin/sh", "-c", ":")
	cmd.Dir = dir
	cmd.SysProcAttr = a.attr()
	return cmd.Run() == nil
}
