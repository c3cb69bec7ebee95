package cache_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"example.com/prefab/app/devservices/devtest"
)

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
	eventually(t, "a process uses Redis", func() bool { return p.ask("ready") == "true" })
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
