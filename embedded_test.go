package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// app/devservices tests this too; here lib/pq reads the same environment, in several processes.
func TestEmbedded_KilledServersAreStartedAgainWhateverTheUsersEnvironment(t *testing.T) {
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
	for _, name := range []string{"postgres", "redis"} {
		file := filepath.Join(dir, ".data", name+".pid")
		killed := number(t, file)
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" runs again", func() bool { now := number(t, file); return now != 0 && now != killed })
		eventually(t, "sign-ins are served", func() bool {
			response, err := p.signIn()
			return err == nil && response.StatusCode == http.StatusUnauthorized
		})
		eventually(t, "nothing is away", func() bool { status, _ := p.get("/health"); return status == http.StatusOK })
		p.allReady()
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	if left := serversOf(t, dir); len(left) > 0 {
		t.Errorf("it leaves running: %v", left)
	}
}

// number is what a file holds, 0 for none.
func number(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text))) // empty while a server is being started
	return n
}
