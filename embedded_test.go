package main_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// lib/pq reads the environment too, in several processes.
func TestEmbedded_ServesWhateverTheUsersEnvironment(t *testing.T) {
	dir, home := checkout(t), folder(t)
	write(t, filepath.Join(home, ".pgpass"), "*:*:*:*:wrong\n") // which others can read
	p := supervised(t, launch(t, dir, nil, "PREFORK=true", "WORKERS=3",
		"HOME="+home, "PGHOSTADDR=203.0.113.1", "PGSERVICE=elsewhere", "PGPORT=1", "PGOPTIONS=-c search_path=elsewhere",
		"PGGSSENCMODE=disable", "PGCHANNELBINDING=prefer", "PGCLIENTENCODING=LATIN1", "PGDATESTYLE=German",
		"PGSSLNEGOTIATION=direct", "LC_ALL=xx_XX.UTF-8", "TZ=Nowhere/None"))
	p.serves()
	if strings.Contains(p.said(), "password file") {
		t.Errorf("it reads the user's password file:\n%s", p.said())
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	if left := serversOf(t, dir); len(left) > 0 {
		t.Errorf("it leaves running: %v", left)
	}
}
