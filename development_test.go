package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildLimit bounds a build of the whole program by an empty cache, on a busy machine.
const buildLimit = 10 * time.Minute

// built is eventually for what takes a build.
func (p *process) built(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(buildLimit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if p.closed() {
			break
		}
		if ok() {
			return
		}
	}
	p.t.Fatalf("it never came about that %s:\n%s", what, p.said())
}

// page waits for a page at /login with the text.
func (p *process) page(text string) {
	p.t.Helper()
	p.built("a page has "+text, func() bool {
		status, body := p.get("/login")
		return status == http.StatusOK && strings.Contains(body, text)
	})
}

func TestDev_ReplacesTheCodeAtEachSaveWithoutALostRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the module anew")
	}
	dir := folder(t)
	copyTracked(t, dir)
	loop := filepath.Join(folder(t), "devloop")
	if out, err := exec.Command("go", "build", "-o", loop, "./app/devloop").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	edit := func(path, from, to string) {
		t.Helper()
		file := filepath.Join(dir, path)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), from) {
			t.Fatalf("%s has no %q", path, from)
		}
		write(t, file, strings.ReplaceAll(string(text), from, to))
	}
	_, settings := configured(t)
	// So that the build cache knows the dependencies, whatever the folder.
	settings = append(settings, "GOFLAGS=-trimpath", "CGO_ENABLED=0", "GOPATH="+goEnv(t, "GOPATH"), "GOCACHE="+goEnv(t, "GOCACHE"))
	p := follow(t, exec.Command(loop), nil, dir, settings)
	p.built("it serves", func() bool { return servingAt.MatchString(p.said()) })
	p.URL = "http://" + servingAt.FindStringSubmatch(p.said())[1]
	p.page(">Sign in<")
	stop := ask100(p.URL)

	state := func() string { _, body := p.get("/_dev/state"); return body }
	const handler = "handlers/login_page.go"
	edit(handler, `"Sign in"`, `"First change"`)
	p.page("<title>First change")

	edit(handler, `"First change"`, `"Second change" + 1`)
	p.built("the browser is told", func() bool { return strings.Contains(state(), handler) })
	p.says("The build fails; what was served before goes on.")
	p.page("<title>First change")

	edit(handler, `"Second change" + 1`, `"Third change"`)
	p.page("<title>Third change")
	p.built("the problem is over", func() bool { return strings.Contains(state(), `"problem":""`) })

	before := state()
	edit("templates/login.html", "</h1>", " now</h1>")
	p.page(" now</h1>")
	p.built("pages are told to reload", func() bool { return state() != before })

	// A program that builds, but does not start.
	edit("app/app.go", "	// Stores\n", "	if true {\n		return nil, errors.New(\"no start today\")\n	}\n	// Stores\n")
	edit("app/app.go", "import (\n", "import (\n	\"errors\"\n")
	p.built("the browser is told", func() bool { return strings.Contains(state(), "no start today") })
	p.page("<title>Third change")
	edit("app/app.go", "if true {", "if len(staticRoute) == 0 {")
	p.built("the problem is over", func() bool { return strings.Contains(state(), `"problem":""`) })

	write(t, filepath.Join(dir, ".env"), "LOG_LEVEL=chatty\nSESSION_TTL=12h\n")
	p.built("the browser is told", func() bool { return strings.Contains(state(), "LOG_LEVEL: must be") })
	write(t, filepath.Join(dir, ".env"), "LOG_LEVEL=debug\nSESSION_TTL=12h\n")
	p.built("the new settings count", func() bool { return strings.Contains(p.said(), "level=DEBUG") })
	p.says("changed in .env: LOG_LEVEL, SESSION_TTL")

	write(t, filepath.Join(dir, "repositories/migrations/00900_lamps.sql"),
		"-- +goose Up\nCREATE TABLE lamps (id bigint);\n-- +goose Down\nDROP TABLE lamps;\n")
	p.built("the migration is applied", func() bool { return strings.Contains(migrated(t, dir, settings), "00900_lamps") })

	if served, failed := stop(); len(failed) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed, the first with %s", served, len(failed), failed[:min(1, len(failed))])
	}
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	if left := serversOf(t, dir); len(left) > 0 {
		t.Errorf("it leaves running: %v", left)
	}
	if strings.Contains(p.said(), "12h") {
		t.Error("it tells the value of a setting")
	}
}

// ask100 asks a hundred times a second, until stop, on a connection that is kept, and on new ones.
func ask100(url string) (stop func() (served int, failed []string)) {
	var all sync.WaitGroup
	end := make(chan struct{})
	var served int
	var failed []string
	all.Go(func() {
		kept, tick := &http.Client{Timeout: waitLimit}, time.NewTicker(10*time.Millisecond)
		defer tick.Stop()
		for ; ; served++ {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			client := kept
			if served%2 == 0 {
				client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: waitLimit}
			}
			if problem := ask(client, url, "/login"); problem != "" {
				failed = append(failed, problem)
			}
		}
	})
	return func() (int, []string) {
		close(end)
		all.Wait()
		return served, failed
	}
}

// migrated lists the migrations that were applied.
func migrated(t *testing.T, dir string, settings []string) (applied string) {
	t.Helper()
	p := launch(t, dir, []string{"migrate", "status"}, settings...)
	p.exit()
	for line := range strings.Lines(p.said()) {
		if strings.Contains(line, "applied") {
			applied += line
		}
	}
	return applied
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// copyTracked copies what a clone would have, with changes that are not committed.
func copyTracked(t *testing.T, dir string) {
	t.Helper()
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("this is no clone: %v", err)
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, path)
		write(t, copied, string(content))
		if err := os.Chmod(copied, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}
