package devservices

import "syscall"

// endWithParent has the kernel signal the child when we die, kill -9 included.
func endWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
