//go:build unix

package devservices

import (
	"bytes"
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

	"example.com/prefab/app/devservices/internal/filelock"
)

func TestStart_KeepsDataAcrossRestarts(t *testing.T) {
	o := options(checkout(t))
	o.Disposable = false // the developer's own kind
	first := start(t, o)
	remember(t, first, "kept")
	stop(t, first)

	second := start(t, o)
	recall(t, second, "kept")
	if first.DatabaseURL != second.DatabaseURL || first.RedisURL != second.RedisURL {
		t.Errorf("URLs changed: %+v, then %+v", first, second)
	}
}

func TestStart_AfterKillNineStartsAgainWithItsData(t *testing.T) {
	dir := checkout(t)
	owner := startOwner(t, dir)
	guest := start(t, options(dir))
	remember(t, guest, "kept")
	killNine(t, owner)

	next := start(t, options(dir)) // at once: the old servers may still be ending
	if len(next.PIDs()) != 2 {
		t.Errorf("owns %v, want both servers", next.PIDs())
	}
	recall(t, next, "kept")
}

func TestStart_EndsServersThatOutlivedTheirOwner(t *testing.T) {
	dir := checkout(t)
	first := start(t, options(dir))
	remember(t, first, "kept")
	for _, r := range first.owned { // what a dead owner leaves where no signal follows it
		_ = r.(*server).owner.Close()
	}

	next := start(t, options(dir))
	recall(t, next, "kept")
	for _, r := range first.owned {
		<-r.(*server).process.Load().done
	}
}

func TestKillNine_LeavesNoServerBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux signals a child when its parent dies")
	}
	dir := checkout(t)
	owner := startOwner(t, dir)
	killNine(t, owner)
	for _, name := range []string{"postgres.pid", "redis.pid"} {
		path := filepath.Join(dir, ".data", name)
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			if pidLock, err := filelock.Try(path); err == nil { // no process has it
				_ = pidLock.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: its server still runs", name)
			}
		}
	}
}

func TestStart_ChecksOutSideBySide(t *testing.T) {
	one, other := start(t, options(checkout(t))), start(t, options(checkout(t)))
	remember(t, one, "one")
	remember(t, other, "other")
	recall(t, one, "one")
	recall(t, other, "other")
}

func TestStart_GuestUsesTheOwnersServersAndLeavesThemRunning(t *testing.T) {
	o := options(checkout(t))
	owner := start(t, o)
	remember(t, owner, "shared")

	guest := start(t, o)
	recall(t, guest, "shared")
	if len(guest.PIDs()) != 0 {
		t.Errorf("guest owns %v", guest.PIDs())
	}
	stop(t, guest)
	recall(t, owner, "shared")
}

func TestStart_GuestMayBringADatabaseOfItsOwn(t *testing.T) {
	o := options(checkout(t))
	o.NeedRedis = false
	start(t, o)
	o.Database = "a guest's"
	guest := start(t, o)
	if err := openDB(t, guest.DatabaseURL).Ping(); err != nil {
		t.Error(err)
	}
}

func TestStart_WaitingGuestBecomesOwnerWhenTheOwnerGoes(t *testing.T) {
	o := options(checkout(t))
	o.NeedPostgres = false
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := lock(p, "redis.lock")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = owner.Close() })
	if s := start(t, o); len(s.PIDs()) != 1 {
		t.Errorf("owns %v, want one server", s.PIDs())
	}
}

func TestStop_MayBeCalledAgainAndConcurrently(t *testing.T) {
	s := start(t, options(checkout(t)))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() { stop(t, s) })
	}
	calls.Wait()
	stop(t, s)
	for _, pid := range s.PIDs() {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
}

func TestStart_SurvivesAnInitdbThatWasCutOff(t *testing.T) {
	o := options(checkout(t))
	o.NeedRedis = false
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.path("postgres.new/base"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, o)
}

func TestStart_IgnoresStaleFilesOfAReusedProcessID(t *testing.T) {
	o := options(checkout(t))
	o.NeedRedis = false
	stop(t, start(t, o))
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
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
	o := options(checkout(t))
	stop(t, start(t, o))
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("postgres/postgresql.auto.conf"), []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Fatalf("error %v does not quote the log", err)
	}
	for _, name := range []string{"postgres.lock", "postgres.pid", "redis.lock", "redis.pid"} {
		f, err := filelock.Try(p.path(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = f.Close()
	}
}

func TestStart_IsNotLedAstrayByTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"PGHOSTADDR": "203.0.113.1", "PGSERVICE": "elsewhere", "PGPORT": "1", "PGOPTIONS": "-c search_path=elsewhere",
		"PGGSSENCMODE": "disable", "PGCHANNELBINDING": "prefer", "PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "German",
		"PGSSLNEGOTIATION": "direct", "PGPASSFILE": "/dev/null", "PGTZ": "Nowhere",
		"LC_ALL": "xx_XX.UTF-8", "LOCPATH": "/nonexistent", "TZ": "Nowhere/None", "SECRET": "for us alone",
	} {
		t.Setenv(name, value)
	}
	s := start(t, options(checkout(t)))
	var path string
	if err := openDB(t, s.DatabaseURL).QueryRow("SHOW search_path").Scan(&path); err != nil || strings.Contains(path, "elsewhere") {
		t.Errorf("the search path is %q, %v", path, err)
	}
	for _, pid := range s.PIDs() {
		inherited, err := os.ReadFile("/proc/" + itoa(pid) + "/environ")
		if err == nil && (bytes.Contains(inherited, []byte("SECRET")) || bytes.Contains(inherited, []byte("Nowhere"))) {
			t.Errorf("a server inherits %q", inherited)
		}
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		return // a client that Prefab does not need
	}
	if out, err := exec.Command(psql, s.DatabaseURL, "-Atc", "SELECT current_user").Output(); err != nil || string(out) != "prefab\n" {
		t.Errorf("psql says %q, %v", out, err)
	}
}

func TestStart_WithoutRedisFallsBackToOneWhoseKeysExpire(t *testing.T) {
	var log bytes.Buffer
	o := options(checkout(t))
	o.NeedPostgres, o.Disposable = false, false
	o.search, o.Log = &searchPath{}, slog.New(slog.NewTextHandler(&log, nil))
	s := start(t, o)
	if !s.MiniRedis || !strings.Contains(log.String(), "lost") {
		t.Errorf("MiniRedis %v, log %q: want a warning of what it costs", s.MiniRedis, log.String())
	}
	client := openRedis(t, s.RedisURL)
	if err := client.Set(t.Context(), "k", "v", 20*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for client.Exists(t.Context(), "k").Val() != 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if other := start(t, o); other.RedisURL == s.RedisURL {
		t.Error("two processes were given one miniredis")
	}
	bare := openRedis(t, "redis://"+client.Options().Addr)
	if err := bare.Ping(t.Context()).Err(); err == nil {
		t.Error("miniredis lets in a client without the password")
	}
}

func TestStart_DisposableWantsARealRedis(t *testing.T) {
	o := options(checkout(t))
	o.NeedPostgres, o.search = false, &searchPath{}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "make test") {
		t.Errorf("error %v does not name the way out", err)
	}
}

func TestStart_WithoutPostgresNamesTheWaysOut(t *testing.T) {
	o := options(checkout(t))
	o.NeedRedis, o.search = false, &searchPath{}
	_, err := Start(t.Context(), o)
	if err == nil {
		t.Fatal("started without PostgreSQL")
	}
	for _, way := range []string{"make run", "install.sh postgres", "DATABASE_URL"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("%q does not mention %q", err, way)
		}
	}
}

func TestStart_RefusesDataOfAVersionThatIsNotInstalled(t *testing.T) {
	o := options(checkout(t))
	p, err := findLayout(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(p.path("postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path("postgres/PG_VERSION"), []byte("8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "needs PostgreSQL 8") {
		t.Errorf("error %v does not name the version", err)
	}
}
