package devtest

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"example.com/prefab/app/devservices"
)

// Server belongs to one test, which may stop, freeze and restart it. Its URL
// and its data stay the same.
type Server struct {
	URL string

	t       testing.TB
	name    string
	options devservices.Options
	running *devservices.Services // nil while stopped
	frozen  []int                 // processes that were sent SIGSTOP
}

// OwnPostgres starts a PostgreSQL with one database, migrated as [Database] is. It ends with the test.
func OwnPostgres(t testing.TB) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedPostgres: true})
	s.URL = s.running.DatabaseURL
	if err := shared.migrate(t.Context(), s.URL); err != nil {
		t.Fatalf("migrate the test's PostgreSQL: %v", err)
	}
	return s
}

// OwnRedis starts a Redis. It ends with the test.
func OwnRedis(t testing.TB) *Server {
	t.Helper()
	s := own(t, devservices.Options{NeedRedis: true})
	s.URL = s.running.RedisURL
	return s
}

func own(t testing.TB, o devservices.Options) *Server {
	t.Helper()
	shared.mu.Lock()
	shared.own++
	name := fmt.Sprintf("own-%d", shared.own)
	shared.mu.Unlock()
	s := &Server{t: t, name: name, options: o}
	s.Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts the server again after [Server.Stop], with its data, or after it
// was killed.
func (s *Server) Start() {
	s.t.Helper()
	s.Stop() // a killed one has still to be waited for
	running, err := shared.start(context.WithoutCancel(s.t.Context()), s.name, s.options)
	if err != nil {
		s.t.Fatalf("start the test's own server: %v", err)
	}
	s.running = running
}

// Stop ends the server and waits for it; clients see their connections close.
func (s *Server) Stop() {
	s.t.Helper()
	if s.running == nil {
		return
	}
	s.thaw()
	if err := s.running.Stop(context.Background()); err != nil {
		s.t.Errorf("stop the test's own server: %v", err)
	}
	s.running = nil
}

// Signal sends a signal to the server and to the processes it has forked:
// SIGKILL is a crash, SIGSTOP a server that accepts and never answers, until SIGCONT.
func (s *Server) Signal(sig syscall.Signal) {
	s.t.Helper()
	if s.running == nil {
		s.t.Fatal("the test's own server is stopped")
	}
	if sig == syscall.SIGCONT {
		s.thaw()
		return
	}
	var pids []int
	for _, pid := range s.running.PIDs() {
		pids = append(pids, processTree(pid)...)
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // a child may have ended meanwhile
	}
	if sig == syscall.SIGSTOP {
		s.frozen = append(s.frozen, pids...)
	}
}

func (s *Server) thaw() {
	for _, pid := range s.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	s.frozen = nil
}
