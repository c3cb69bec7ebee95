//go:build unix

package server

import (
	"math"
	"syscall"
)

// fileLimit is how many files the process may open.
func fileLimit() (n int, limited bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)), true //nolint:unconvert // it is signed on FreeBSD
}
