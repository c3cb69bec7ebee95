package devtest

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices"
)

// Server belongs to one test, which may stop, freeze and restart it. Its URL
// and its data stay the same.
type Server struct {
	URL string

	t        testing.TB
	name     string
	options  devservices.Options
	services *devservices.Services // nil while stopped
}

// OwnPostgres starts a PostgreSQL with one database, migrated as [Database] is. It ends with the test.
func OwnPostgres(t testing.TB) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedPostgres: true})
	if err := applyMigrations(s.URL); err != nil {
		t.Fatalf("migrate the test's PostgreSQL: %v", err)
	}
	return s
}

// OwnRedis starts a Redis. It ends with the test.
func OwnRedis(t testing.TB) *Server {
	t.Helper()
	return own(t, devservices.Options{NeedRedis: true})
}

var ownServers atomic.Int64

func own(t testing.TB, o devservices.Options) *Server {
	t.Helper()
	s := &Server{t: t, name: fmt.Sprintf("own-%d", ownServers.Add(1)), options: o}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again after [Server.Stop], with its data, or after it
// was killed.
func (s *Server) Start() {
	s.t.Helper()
	s.Stop() // a killed one has still to be waited for
	services, err := start(s.name, s.options)
	if err != nil {
		s.t.Fatalf("start the test's own server: %v", err)
	}
	s.services, s.URL = services, cmp.Or(services.DatabaseURL, services.RedisURL)
}

// Stop ends the server and waits for it; clients see their connections close.
func (s *Server) Stop() {
	if s.services == nil {
		return
	}
	s.Signal(syscall.SIGCONT)
	s.services.Stop()
	s.services = nil
}

// Signal sends a signal to the server and to the processes it has forked:
// SIGKILL is a crash, SIGSTOP a server that accepts and never answers, until SIGCONT.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	if s.services == nil {
		s.t.Fatal("the test's own server is stopped")
	}
	for _, pid := range s.services.PIDs() {
		for _, pid := range append([]int{pid}, children(pid)...) {
			_ = syscall.Kill(pid, sig) // it may have ended meanwhile
		}
	}
}

// children are a process's own. PostgreSQL puts each of its processes in a session
// of its own, so a process group is not enough.
func children(pid int) (pids []int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
	if err != nil { // not Linux
		text, _ = exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output()
	}
	for child := range strings.FieldsSeq(string(text)) {
		if n, err := strconv.Atoi(child); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// Replica starts a PostgreSQL that follows the primary, which is an
// [OwnPostgres], by streaming replication. It ends with the test.
func Replica(t testing.TB, primary *Server) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedPostgres: true})
	s.Stop()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(u.Query().Get("host")) // where devservices keeps data and sockets
	data := filepath.Join(home, "postgres")
	started, err := os.ReadFile(filepath.Join(data, "postmaster.opts")) // the server's command line
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	server, _, _ := strings.Cut(string(started), " ")
	cmd := exec.Command(filepath.Join(filepath.Dir(server), "pg_basebackup"), "--pgdata="+data, "--dbname="+primary.URL,
		"--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	cmd.Dir, cmd.SysProcAttr = home, asOwner(t, home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy the primary: %v: %s", err, out)
	}
	s.Start()
	return s
}

// asOwner makes a child of root run as the owner of a folder: PostgreSQL's programs
// refuse to run as root.
func asOwner(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	who := info.Sys().(*syscall.Stat_t)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: who.Uid, Gid: who.Gid}}
}
