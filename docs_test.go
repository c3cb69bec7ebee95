package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// block is a fenced block of a Markdown file. What follows the language is for tests:
// readers do not see it.
//
//	```sh                       bash takes it, and succeeds
//	```sh background            its first command runs until the next such block, or the end
//	```go services/news.go      in the tutorial this is a new file, in other documents a part of it
//	```go app/app.go after=X    the lines stand below the first line that begins with X
//	```go app/app.go instead=X  they replace that line
type block struct {
	where          string // file and line
	above          string // what readers see between this block and the one before
	language, path string
	after, instead string
	text           string
}

func blocksOf(t *testing.T, file string) (blocks []block) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	open, above := false, ""
	for i, line := range strings.SplitAfter(string(content), "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open:
			open, above = false, ""
		case isFence:
			open = true
			info, after, _ := strings.Cut(fence, " after=")
			info, instead, _ := strings.Cut(info, " instead=")
			language, path, _ := strings.Cut(info, " ")
			if len(blocks) > 0 && strings.TrimSpace(above) == "" {
				above = blocks[len(blocks)-1].above
			}
			blocks = append(blocks, block{fmt.Sprintf("%s:%d", file, i+1), above, language, path, after, instead, ""})
		case open:
			blocks[len(blocks)-1].text += line
		default:
			above += line
		}
	}
	return blocks
}

// notRun are the commands that this test leaves out, by how they begin.
var notRun = []string{
	"docker ", "POSTGRES_PASSWORD=", "APP_ENV=production ", // need a Docker engine, or a server's settings
	"make test", "make init", "make upgrade", "./app/scaffold/remove-sample.sh", // have tests of their own
}

// reader is somebody who follows the documents in a clone.
type reader struct {
	clone
	port string
	stop func() // ends what runs in the background
}

func newReader(t *testing.T) *reader {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	r := &reader{newClone(t), strconv.Itoa(free.Addr().(*net.TCPAddr).Port), func() {}}
	t.Cleanup(func() { r.stop() })
	return r
}

// shell runs commands at the reader's port. Its curl waits for success, since what was
// just saved may not serve yet.
func (r *reader) shell(text string) *exec.Cmd {
	lines := []string{`curl() { command curl --fail --show-error --retry 300 --retry-delay 1 --retry-all-errors "$@"; }`}
	for line := range strings.SplitSeq(text, "\n") {
		if !slices.ContainsFunc(notRun, func(begin string) bool { return strings.HasPrefix(line, begin) }) {
			lines = append(lines, strings.ReplaceAll(line, "localhost:3000", "localhost:"+r.port))
		}
	}
	command := exec.Command("bash", "-euo", "pipefail", "-c", strings.Join(lines, "\n"))
	command.Dir = r.dir
	command.Env = append(os.Environ(), "PORT="+r.port, "ADMIN_ADDR=127.0.0.1:0", "GOFLAGS=-trimpath", "CGO_ENABLED=0")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// serve runs a command in the background, in place of the one before.
func (r *reader) serve(text string) {
	r.t.Helper()
	r.stop()
	command, said := r.shell(text), new(bytes.Buffer)
	command.Stdout, command.Stderr = said, said
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.stop = func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM)
		_ = command.Wait()
		if r.t.Failed() {
			r.t.Logf("%s says\n%s", text, said)
		}
		r.stop = func() {}
	}
}

// follow does what a block says.
func (r *reader) follow(b block) {
	r.t.Helper()
	switch {
	case b.language == "sh" && b.path == "background":
		first, _, _ := strings.Cut(b.text, "\n")
		r.serve(first)
	case b.language == "sh":
		if out, err := r.shell(b.text).CombinedOutput(); err != nil {
			r.t.Fatalf("%s: %v\n%s\n%s", b.where, err, b.text, out)
		}
	case b.path == "":
	case b.after+b.instead == "":
		if _, err := os.Stat(filepath.Join(r.dir, b.path)); err == nil {
			r.t.Fatalf("%s: %s exists", b.where, b.path)
		}
		r.save(b.path, b.text)
	default:
		lines := strings.SplitAfter(r.read(b.path), "\n")
		i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(plain(line), b.after+b.instead) })
		if i < 0 {
			r.t.Fatalf("%s: %s has no such line", b.where, b.path)
		}
		below := i
		if b.after != "" {
			i++
		}
		r.save(b.path, strings.Join(slices.Concat(lines[:i], []string{b.text}, lines[below+1:]), ""))
	}
}

// save formats Go, as an editor does.
func (r *reader) save(path, text string) {
	r.t.Helper()
	if formatted, err := format.Source([]byte(text)); err == nil && filepath.Ext(path) == ".go" {
		text = string(formatted)
	}
	write(r.t, filepath.Join(r.dir, path), text)
}

// plain leaves indentation and alignment out.
func plain(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// quotes reports whether a text is a part of a file. A line "…" stands for what is left out.
func quotes(text, file string) bool {
	file = "\n" + plain(file) + "\n"
	for part := range strings.SplitSeq(plain(text), "\n…\n") {
		_, after, found := strings.Cut(file, "\n"+strings.TrimSpace(part)+"\n")
		if !found {
			return false
		}
		file = "\n" + after
	}
	return true
}

func TestDocs_TheTutorialWorksAndOthersQuoteItsCode(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the module anew")
	}
	r := newReader(t)
	for _, b := range blocksOf(t, "docs/tutorial.md") {
		r.follow(b)
	}
	r.stop()
	r.run("go", "vet", "./...")
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(documents, "CONTRIBUTING.md") {
		for _, b := range blocksOf(t, file) {
			switch b.language {
			case "sh": // those of docs/vps.md change the machine
				if out, err := exec.Command("bash", "-n", "-c", b.text).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", b.where, err, out)
				}
			case "json":
				if err := json.Unmarshal([]byte(b.text), new(any)); err != nil {
					t.Errorf("%s: %v", b.where, err)
				}
			case "go", "html", "sql":
				if b.path == "" || !strings.Contains(b.above, b.path) {
					t.Errorf("%s: the text above does not name the file %s", b.where, b.path)
				} else if file != "docs/tutorial.md" && !quotes(b.text, r.read(b.path)) {
					t.Errorf("%s is not what %s has:\n%s", b.where, b.path, b.text)
				}
			}
		}
	}
}

func TestDocs_TheCommandsOfTheReadmeWork(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the module anew")
	}
	r := newReader(t)
	for _, b := range blocksOf(t, "README.md") {
		r.follow(b)
	}
}
