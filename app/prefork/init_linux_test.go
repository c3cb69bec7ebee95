package prefork_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// unshared starts tiny as process 1 of a PID namespace, and returns its process here.
func unshared(t *testing.T) (p *tiny, first int) {
	t.Helper()
	wrapper := []string{"unshare"}
	if os.Getuid() != 0 {
		wrapper = append(wrapper, "--user", "--map-root-user")
	}
	p = launch(t, append(wrapper, "--pid", "--fork", "--mount-proc", "--kill-child", "--"))
	p.eventually("it listens", func() bool { return p.match(`listening address=(\S+)`) != "" })
	p.url = "http://" + p.match(`listening address=(\S+)`)
	p.allReady()
	children := childrenOf(t, p.cmd.Process.Pid)
	if len(children) != 1 {
		t.Fatalf("below unshare run %v", children)
	}
	return p, children[0]
}

func TestInit_ServesReapsAndDrainsAsProcessOne(t *testing.T) {
	p, first := unshared(t)
	supervisor := childrenOf(t, first)[0]
	for range 5 {
		if _, err := p.get("/orphan"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		// Process 1 sees other numbers than we do: kill one of the supervisor's children.
		var workers []int
		p.eventually("three workers run", func() bool {
			workers = slices.DeleteFunc(childrenOf(t, supervisor), zombie)
			return len(workers) == 3
		})
		if err := syscall.Kill(workers[0], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.eventually("it is gone", func() bool { return !slices.Contains(childrenOf(t, supervisor), workers[0]) })
	}
	p.allReady()
	p.eventually("nobody is left unreaped", func() bool {
		all := childrenOf(t, first)
		return len(all) == 1 && !zombie(all[0])
	})
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestInit_PassesTheStatusOn(t *testing.T) {
	p, first := unshared(t)
	if err := syscall.Kill(childrenOf(t, first)[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 128+9 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func childrenOf(t *testing.T, parent int) (children []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stat, _ := os.ReadFile(file) // it may have ended
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, pid)
	}
	return children
}
