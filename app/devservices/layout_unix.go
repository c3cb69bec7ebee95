//go:build unix

package devservices

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	postgresSocket = ".s.PGSQL.5432"
	redisSocket    = "redis.sock"

	// A longer path does not fit sockaddr_un on macOS (104 bytes with its NUL).
	maxSocketPath = 103
)

// layout is where the servers of one checkout keep their files.
type layout struct {
	dir string // data, logs and locks
	run string // sockets
	who account
}

// findLayout makes and checks the folders. The modes are the whole of the access
// control: both servers trust whoever reaches their socket.
func findLayout(checkout string) (layout, error) {
	checkout, err := filepath.Abs(checkout)
	if err == nil {
		checkout, err = filepath.EvalSymlinks(checkout)
	}
	if err != nil {
		return layout{}, fmt.Errorf("find the checkout: %w", err)
	}
	p := layout{dir: filepath.Join(checkout, ".data")}
	if p.who, err = serviceAccount(checkout); err != nil {
		return layout{}, err
	}
	if p.who.dropped && !p.who.canEnter(checkout) {
		const shared = "/var/lib/prefab"
		// Chmod as well, since a strict umask would keep the account out.
		if err := errors.Join(os.MkdirAll(shared, 0o711), os.Chmod(shared, 0o711)); err != nil {
			return layout{}, fmt.Errorf("make the state folder: %w", err)
		}
		p.dir = filepath.Join(shared, digest(checkout))
	}
	p.run = filepath.Join(p.dir, "run")
	// lib/pq and PostgreSQL take a comma for the end of the first of several paths.
	if len(filepath.Join(p.run, postgresSocket)) > maxSocketPath || strings.Contains(p.run, ",") {
		p.run = fmt.Sprintf("/tmp/prefab-%d-%s", p.who.uid, digest(p.dir))
	}
	return p, errors.Join(p.makePrivate(p.dir), p.makePrivate(p.run))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

func (p layout) path(name string) string { return filepath.Join(p.dir, name) }

// makePrivate makes a folder that only the account can enter, and refuses one
// that is there already and is anything else: in /tmp it may be a stranger's.
func (p layout) makePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a folder for the embedded servers, "+
			"which DATABASE_URL and REDIS_URL make needless: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder: remove it", dir)
	case owner == 0 && p.who.dropped: // just made, or left so by a start that was cut off
		if err := p.who.chown(dir); err != nil {
			return err
		}
	case owner != p.who.uid:
		return fmt.Errorf("%s belongs to user %d, but user %d needs it: remove it, or start as its owner",
			dir, owner, p.who.uid)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("other users can enter %s: take that from them with chmod 700", dir)
	}
	return nil
}

// open opens a file of the account's, made if need be, and follows no symbolic link.
func (p layout) open(name string, flags int) (*os.File, error) {
	f, err := os.OpenFile(p.path(name), flags|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := p.who.chown(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lock opens and locks a file, or returns EWOULDBLOCK at once if it is locked. The
// lock belongs to the open file: a child that inherits it keeps the lock after this
// process has closed it or died.
func (p layout) lock(name string) (*os.File, error) {
	f, err := p.open(name, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
	}
	return f, nil
}

// serverEnvironment is the environment of the servers: of ours only what running a program may
// take. What else is there could change how they work, and is none of their business.
func serverEnvironment() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, entry := range os.Environ() {
		for _, prefix := range []string{"PATH=", "LD_", "DYLD_"} {
			if strings.HasPrefix(entry, prefix) {
				env = append(env, entry)
			}
		}
	}
	return env
}

// account is the user who runs the servers and owns their files.
type account struct {
	uid, gid uint32
	dropped  bool // we are root, and it is somebody else
}

// serviceAccount is ourselves, unless we are root, as whom PostgreSQL refuses to
// run. Root takes the account of the checkout's owner, so that one run under sudo
// does not lock the owner out of the data; in a checkout of root's own it takes a
// system account.
func serviceAccount(checkout string) (account, error) {
	if os.Geteuid() != 0 {
		return account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}, nil
	}
	info, err := os.Stat(checkout)
	if err != nil {
		return account{}, err
	}
	owner, err := user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
	// initdb refuses to run as a user without a name, as in a container.
	if err != nil || owner.Uid == "0" {
		owner, err = user.Lookup("postgres")
	}
	if err != nil {
		owner, err = user.Lookup("nobody")
	}
	if err != nil {
		return account{}, errors.New("PostgreSQL refuses to run as root, " +
			"and there is no user postgres or nobody to run it: start as an ordinary user, or set DATABASE_URL")
	}
	uid, uidErr := strconv.ParseUint(owner.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(owner.Gid, 10, 32)
	return account{uid: uint32(uid), gid: uint32(gid), dropped: true}, errors.Join(uidErr, gidErr)
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
	cmd.Dir, cmd.SysProcAttr = dir, a.attr()
	return cmd.Run() == nil
}
