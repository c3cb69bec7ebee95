package main_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/repositories"
)

func (p *process) dial() net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	return c
}

// serversOf returns the command lines of processes that name the folder.
func serversOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// configured returns the settings of servers that are not embedded.
func configured(t *testing.T) (database string, settings []string) {
	t.Helper()
	database = devtest.Database(t)
	return database, []string{"DATABASE_URL=" + database, "REDIS_URL=" + devtest.Redis(t)}
}

// lockTable makes every read of the table wait until the returned function is called.
func lockTable(t *testing.T, database, table string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// waiting reports whether a query of the database waits for a lock.
func waiting(t *testing.T, database string) bool {
	t.Helper()
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	err = db.QueryRow(`SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// waitLimit bounds every wait. It is far above what anything here takes: to run
// into it means to hang.
const waitLimit = 60 * time.Second

var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prefab-binary-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "prefab")
	if out, err := exec.Command("go", "build", "-race", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return devtest.Run(m, repositories.Migrations)
}

// process is the running program.
type process struct {
	URL string

	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	all  chan struct{} // closed when all its output is here

	mu     sync.Mutex
	output strings.Builder
}

var servingAt = regexp.MustCompile(`msg=serving (?:worker=\d+ )?address=(\S+)`)

// start runs `prefab serve` in a checkout and waits until it serves.
func start(t *testing.T, checkout string, settings ...string) *process {
	t.Helper()
	p := launch(t, checkout, nil, settings...)
	deadline := time.Now().Add(waitLimit)
	for time.Now().Before(deadline) {
		if address := servingAt.FindStringSubmatch(p.said()); address != nil {
			p.URL = "http://" + address[1]
			return p
		}
		select {
		case <-p.done:
			t.Fatalf("the program ended instead of serving:\n%s", p.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("the program does not serve:\n%s", p.said())
	return nil
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// launch runs the program with arguments and does not wait. Any free port will do.
func launch(t *testing.T, checkout string, args []string, settings ...string) *process {
	t.Helper()
	return launchWith(t, nil, checkout, args, settings...)
}

func launchWith(t *testing.T, input io.Reader, checkout string, args []string, settings ...string) *process {
	t.Helper()
	return follow(t, exec.Command(binary, args...), input, checkout, settings)
}

func follow(t *testing.T, cmd *exec.Cmd, input io.Reader, checkout string, settings []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{}), all: make(chan struct{})}
	p.cmd.Stdin = input
	p.cmd.Dir = checkout
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PORT=0", "ADMIN_ADDR=127.0.0.1:0",
		"GORACE=atexit_sleep_ms=10", // else every process takes a second to exit
	}, settings...)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = writer, writer
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	go p.collect(reader)
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

func (p *process) collect(output io.ReadCloser) {
	defer close(p.all)
	defer output.Close()
	for lines := bufio.NewScanner(output); lines.Scan(); {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
	}
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

func (p *process) closed() bool {
	select {
	case <-p.all:
		return true
	default:
		return false
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("signal the program: %v", err)
	}
}

// exit waits for the end and for all output, and returns the exit status, -1 after a signal.
func (p *process) exit() int {
	p.t.Helper()
	for _, end := range []chan struct{}{p.done, p.all} {
		select {
		case <-end:
		case <-time.After(waitLimit):
			p.t.Fatalf("the program does not end:\n%s", p.said())
		}
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) wantExit(want int) {
	p.t.Helper()
	if code := p.exit(); code != want {
		p.t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

// says waits until the program has said the text.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, "it says "+text, func() bool { return strings.Contains(p.said(), text) })
}

// get returns the status, 0 without an answer, and the body.
func (p *process) get(path string) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	request.Close = true // an idle connection of ours must not matter to a drain
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// eventually polls until ok, or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("it never came about that %s", what)
}

// checkout is a folder with the program's go.mod, which the servers' user can reach too.
func checkout(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prefab\n")
	return dir
}

// folder is an empty one that all users can reach.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "prefab-checkout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serves wants a page, and a service that is well.
func (p *process) serves() {
	p.t.Helper()
	for _, path := range []string{"/login", "/health"} {
		if status, body := p.get(path); status != http.StatusOK {
			p.t.Errorf("%s is %d %s", path, status, body)
		}
	}
}

// signIn sends a sign-in that reads the users and is refused.
func (p *process) signIn() (*http.Response, error) {
	response, err := http.Post(p.URL+"/api/v1/session", "application/json",
		strings.NewReader(`{"email":"nobody@people.example","password":"wrong password"}`))
	if err == nil {
		response.Body.Close()
	}
	return response, err
}
