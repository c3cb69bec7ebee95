//go:build unix && !linux

package devservices

import "syscall"

// endWithParent does nothing: without Linux's parent-death signal, a server
// outlives a killed parent until the next start ends it.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
