package cache_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/services/tracing"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerVariable); settings != "" {
		os.Exit(beWorker(settings))
	}
	_ = flag.Set("test.parallel", "8") // most tests wait
	time.Local = time.FixedZone("elsewhere", 2*60*60) // no test may pass because this machine keeps UTC
	devtest.Main(m)
}

// workerVariable makes the test binary a process of its own that uses the cache
// and obeys its standard input.
const workerVariable = "PREFAB_TEST_CACHE_WORKER"

// workerSettings say what a worker works on: a row, which is the truth, and the
// cache of it.
type workerSettings struct {
	Redis, Database string
	LoadPause       time.Duration // between the row's value and the end of its load
}

const truthTag = "truth"

type worker struct {
	settings workerSettings
	node     *node
	db       *sql.DB
	stop     context.CancelFunc
	readers  sync.WaitGroup
}

func beWorker(text string) int {
	var w worker
	if err := json.Unmarshal([]byte(text), &w.settings); err != nil {
		fmt.Println(err)
		return 1
	}
	var err error
	if w.db, err = sql.Open("postgres", w.settings.Database); err != nil {
		fmt.Println(err)
		return 1
	}
	if w.node, err = openNode(w.settings.Redis); err != nil {
		fmt.Println(err)
		return 1
	}
	w.node.cache.Start(context.Background())
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(w.do(strings.Fields(lines.Text())))
	}
	return 0
}

func (w *worker) do(words []string) string {
	switch words[0] {
	case "get":
		return w.get(context.Background(), w.load)
	case "memory": // what the process would give without a load
		return w.get(context.Background(), loadNothing)
	case "redis": // what Redis would give
		return w.get(tracing.With(context.Background(), &tracing.Trace{Fresh: true}), loadNothing)
	case "read":
		w.read()
	case "quiet":
		w.stop()
		w.readers.Wait()
	case "write":
		if err := w.write(words[1], len(words) > 2); err != nil {
			return err.Error()
		}
	case "hang": // in a load, with the lease
		go w.get(context.Background(), hang)
	case "ready":
		return fmt.Sprint(w.node.cache.Usable() && w.node.cache.Hearing())
	}
	return "ok"
}

func (w *worker) get(ctx context.Context, load func(context.Context) (int64, error)) string {
	value, err := w.node.numbers.Get(ctx, "row", []string{truthTag}, load)
	if errors.Is(err, errNothing) {
		return "nothing"
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(value)
}

func (w *worker) load(ctx context.Context) (value int64, err error) {
	err = w.db.QueryRowContext(ctx, "SELECT value FROM truth").Scan(&value)
	time.Sleep(w.settings.LoadPause)
	return value, err
}

func hang(context.Context) (int64, error) { select {} }

// read keeps four readers busy until it is quiet again.
func (w *worker) read() {
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	for range 4 {
		w.readers.Go(func() {
			for ctx.Err() == nil {
				w.get(context.Background(), w.load)
				time.Sleep(100 * time.Microsecond)
			}
		})
	}
}

// write sets the truth. Where it dies, it does so between commit and invalidation.
func (w *worker) write(value string, dies bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return w.node.cache.Write(ctx, []string{truthTag}, func(ctx context.Context) error {
		_, err := w.db.ExecContext(ctx, "UPDATE truth SET value = $1", value)
		if dies {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return err
	})
}

// writeTimeout is short, so that the tombstones of a killed writer do not last for long.
const writeTimeout = 2 * time.Second

// process is a worker, seen from the test.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func startProcess(t testing.TB, settings workerSettings) *process {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), workerVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	p.expect("ready")
	devtest.Eventually(t, "a process uses Redis", func() bool { return p.ask("ready") == "true" })
	return p
}

// ask has the process do something, and returns its answer: "" where it died of it.
func (p *process) ask(command string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatalf("tell a process to %s: %v", command, err)
	}
	p.out.Scan()
	return p.out.Text()
}

// must is ask for what has to succeed.
func (p *process) must(command string) {
	p.t.Helper()
	if got := p.ask(command); got != "ok" {
		p.t.Fatalf("%s: %s", command, got)
	}
}

func (p *process) expect(want string) {
	p.t.Helper()
	p.out.Scan()
	if got := p.out.Text(); got != want {
		p.t.Fatalf("a process says %q, want %q", got, want)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed, as this would say
}

// holds asks that neither memory nor Redis has anything but the value.
func (p *process) holds(value int) bool {
	want := fmt.Sprint(value)
	inMemory, inRedis := p.ask("memory"), p.ask("redis")
	return (inMemory == want || inMemory == "nothing") && (inRedis == want || inRedis == "nothing")
}

// truth makes the row that workers read and write.
func truth(t testing.TB) (url string) {
	t.Helper()
	url = devtest.EmptyDatabase(t)
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE truth AS SELECT 0::bigint AS value"); err != nil {
		t.Fatal(err)
	}
	return url
}
