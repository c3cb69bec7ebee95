//go:build unix

package devservices

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	if p.who, err = serviceAccount(p.dir, checkout); err != nil {
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
	// lib/pq takes a comma for the end of the first of several hosts.
	if len(filepath.Join(p.run, postgresSocket)) > maxSocketPath || strings.Contains(p.run, ",") {
		p.run = fmt.Sprintf("/tmp/prefab-%d-%s", p.who.uid, digest(p.dir))
	}
	for _, dir := range []string{p.dir, p.run} {
		if err := p.makePrivate(dir); err != nil {
			return layout{}, err
		}
	}
	return p, nil
}

func digest(path string) string {
	sum := sha256.Sum256([]byte(path))
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
		return fmt.Errorf("check folder: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder: remove it", dir)
	case owner == 0 && p.who.dropped: // just made, or left so by a start that was cut off
		if err := p.who.chown(dir); err != nil {
			return fmt.Errorf("hand over folder: %w", err)
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
