//go:build !linux

package app_test

import (
	"testing"
)

func manyRedis(t testing.TB, topology string) string {
	t.Helper()
	t.Fatalf("the topology %s is for Linux", topology)
	return ""
}
