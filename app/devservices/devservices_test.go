//go:build unix

package devservices

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestStart_KeepsDataAcrossRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	o := options(t)
	o.NeedPostgres, o.Disposable = true, false // the developer's own kind
	cutOff := mustFindLayout(t, o.Dir).path("postgres.new/base")
	if err := os.MkdirAll(cutOff, 0o700); err != nil { // by an initdb that was killed
		t.Fatal(err)
	}
	first := start(t, o)
	remember(t, first, "kept")
	first.Stop()

	second := start(t, o)
	recall(t, second, "kept")
	if first.DatabaseURL != second.DatabaseURL || first.RedisURL != second.RedisURL {
		t.Errorf("URLs changed: %+v, then %+v", first, second)
	}
}

func TestStart_AfterKillNineStartsAgainWithItsData(t *testing.T) {
	o := options(t)
	o.NeedPostgres = true
	owner := startOwner(t, o.Dir)
	guest := start(t, o)
	remember(t, guest, "kept")
	if len(guest.PIDs()) != 0 {
		t.Errorf("the guest owns %v", guest.PIDs())
	}
	guest.Stop()
	recall(t, guest, "kept") // the owner's servers run on
	killNine(t, owner)

	next := start(t, o) // at once: the old servers may still be ending
	if len(next.PIDs()) != 2 {
		t.Errorf("owns %v, want both servers", next.PIDs())
	}
	recall(t, next, "kept")
}

func TestStart_EndsServersThatOutlivedTheirOwner(t *testing.T) {
	o := options(t)
	first := start(t, o)
	// What a dead owner leaves where no signal follows it.
	if err := os.Remove(mustFindLayout(t, o.Dir).path("redis.lock")); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	<-first.owned[0].stopped
}

func TestKillNine_LeavesNoServerBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a child when its parent dies")
	}
	o := options(t)
	killNine(t, startOwner(t, o.Dir))
	for _, name := range []string{"postgres.pid", "redis.pid"} {
		eventually(t, "the process of "+name+" ends", func() bool { return isFree(t, o.Dir, name) })
	}
}

func TestStart_ChecksOutSideBySide(t *testing.T) {
	one, other := start(t, options(t)), start(t, options(t))
	remember(t, one, "one")
	remember(t, other, "other")
	recall(t, one, "one")
	recall(t, other, "other")
}

func TestStart_WaitingGuestBecomesOwnerWhenTheOwnerGoes(t *testing.T) {
	o := options(t)
	owner, err := mustFindLayout(t, o.Dir).lock("redis.lock")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = owner.Close() })
	if s := start(t, o); len(s.PIDs()) != 1 {
		t.Errorf("owns %v, want one server", s.PIDs())
	}
}

func TestStop_MayBeCalledAgainAndConcurrently(t *testing.T) {
	s := start(t, options(t))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(s.Stop)
	}
	calls.Wait()
	s.Stop()
	if err := syscall.Kill(s.PIDs()[0], 0); err == nil {
		t.Error("its process is still there")
	}
}

func TestServer_ThatEndsByItselfIsLoggedAndTheNextStartHasItsData(t *testing.T) {
	log := new(safeBuffer)
	o := options(t)
	o.Disposable, o.Log = false, slog.New(slog.NewTextHandler(log, nil))
	s := start(t, o)
	remember(t, s, "kept")
	if err := syscall.Kill(s.PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is logged", func() bool { return log.count("ended by itself") == 1 })
	recall(t, start(t, o), "kept")
}

func TestStart_IgnoresStaleFilesOfAReusedProcessID(t *testing.T) {
	o := options(t)
	o.NeedPostgres = true
	start(t, o).Stop()
	p := mustFindLayout(t, o.Dir)
	sleeper := exec.Command("sleep", "600") // has the number now, under the servers' account
	sleeper.Dir, sleeper.SysProcAttr = "/", p.who.attr()
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	stale := []byte(strings.Join([]string{itoa(sleeper.Process.Pid), "x", "1", "5432", p.run, "", ""}, "\n"))
	for _, path := range []string{p.path("postgres/postmaster.pid"), filepath.Join(p.run, postgresSocket+".lock"), p.path("postgres.pid")} {
		if err := os.WriteFile(path, stale, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, o)
	if err := syscall.Kill(sleeper.Process.Pid, 0); err != nil {
		t.Errorf("the process that has the number now: %v", err)
	}
}

func TestStart_FailureCarriesTheServersLogAndStopsTheRest(t *testing.T) {
	o := options(t)
	o.NeedPostgres = true
	start(t, o).Stop()
	manifest := mustFindLayout(t, o.Dir).path("redis/appendonlydir/appendonly.aof.manifest")
	if err := os.WriteFile(manifest, []byte("not a manifest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "AOF manifest") {
		t.Fatalf("error %v does not quote the log", err)
	}
	for _, name := range []string{"postgres.lock", "postgres.pid", "redis.lock", "redis.pid"} {
		if !isFree(t, o.Dir, name) {
			t.Errorf("%s is held", name)
		}
	}
}

func TestStart_ServersInheritOnlyWhatRunningThemTakes(t *testing.T) {
	for name, value := range map[string]string{"LC_ALL": "xx_XX.UTF-8", "TZ": "Nowhere/None", "SECRET": "for us alone"} {
		t.Setenv(name, value)
	}
	inherited, err := os.ReadFile("/proc/" + itoa(start(t, options(t)).PIDs()[0]) + "/environ")
	if err == nil && (bytes.Contains(inherited, []byte("SECRET")) || bytes.Contains(inherited, []byte("Nowhere"))) {
		t.Errorf("a server inherits %q", inherited)
	}
}

func TestStart_WithoutRedisFallsBackToOneWhoseKeysExpire(t *testing.T) {
	log := new(safeBuffer)
	o := options(t)
	o.Disposable, o.programs, o.Log = false, []string{"/nonexistent"}, slog.New(slog.NewTextHandler(log, nil))
	s := start(t, o)
	if len(s.PIDs()) != 0 || log.count("lost") == 0 {
		t.Errorf("it runs processes %v, or does not warn of what it costs", s.PIDs())
	}
	client := openRedis(t, s.RedisURL)
	if err := client.Set(t.Context(), "k", "v", 20*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key expires", func() bool { return client.Exists(t.Context(), "k").Val() == 0 })
	if other := start(t, o); other.RedisURL == s.RedisURL {
		t.Error("two processes were given one miniredis")
	}
	bare := openRedis(t, "redis://"+client.Options().Addr)
	if err := bare.Ping(t.Context()).Err(); err == nil {
		t.Error("miniredis lets in a client without the password")
	}
}

func TestStart_WithoutProgramsNamesTheWaysOut(t *testing.T) {
	o := options(t)
	o.programs = []string{"/nonexistent"}
	says := func(ways ...string) {
		t.Helper()
		_, err := Start(t.Context(), o)
		for _, way := range ways {
			if err == nil || !strings.Contains(err.Error(), way) {
				t.Errorf("error %v does not name %q", err, way)
			}
		}
	}
	says("make test", "install.sh redis")
	o.NeedPostgres = true
	says("make run", "install.sh postgres", "DATABASE_URL")

	data := mustFindLayout(t, o.Dir).path("postgres")
	if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("8\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o.programs = nil
	says("needs PostgreSQL 8", "install version 8")
}
