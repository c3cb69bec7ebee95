//go:build unix

package doctor

import "golang.org/x/sys/unix"

// openFiles is how many files this process may have open. Go raises the soft limit to the
// hard one at its start.
func openFiles() (limit uint64, known bool) {
	var r unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r)
	return r.Cur, err == nil
}
