//go:build !unix

package app

func fileLimit() (n int, limited bool) { return 0, false }
