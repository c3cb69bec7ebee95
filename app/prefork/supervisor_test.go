//go:build unix

package prefork_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestRun_AKilledWorkerLosesOnlyItsOwnRequestsAndIsReplaced(t *testing.T) {
	p := ready(t)
	const requests = 12
	var pids [requests]int
	var rest [requests]func() error
	for i := range requests {
		pids[i], rest[i] = p.slow("500ms")
	}
	victim := pids[0]
	kill(t, victim)
	for i := range requests {
		if err := rest[i](); (err != nil) != (pids[i] == victim) {
			t.Errorf("of worker %d, where %d was killed, the answer has the error %v", pids[i], victim, err)
		}
	}
	p.eventually("another one is ready", func() bool { return !slices.Contains(p.allReady(), victim) })

	for round := range 3 { // they end while they accept
		kill(t, p.allReady()[round])
		for range 20 {
			// A connection that the victim had accepted may fail, and it alone.
			if _, err := p.get("/slow"); err != nil && strings.Contains(err.Error(), "refused") {
				t.Fatalf("nobody listened: %v", err)
			}
		}
	}
	p.eventually("each end is counted once", func() bool { return p.restarts() == 4 })
}

func TestRun_RollingRestartFailsNoRequest(t *testing.T) {
	p := ready(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := p.get("/slow?for=20ms"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		before := p.allReady()
		p.signal(syscall.SIGHUP)
		p.eventually("all workers are new", func() bool {
			return !slices.ContainsFunc(p.allReady(), func(pid int) bool { return slices.Contains(before, pid) })
		})
	}
	close(stop)
	clients.Wait()
	if n := p.restarts(); n != 0 {
		t.Errorf("%d replacements count as restarts", n)
	}
}

func TestRun_ReplacementThatFailsLeavesTheOldOne(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "broken")
	p := ready(t, "BROKEN="+flag)
	before := p.allReady()
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.says("could not be replaced")
	if after := p.allReady(); !slices.Equal(before, after) {
		t.Errorf("the workers were %v and are %v", before, after)
	}
}

func TestRun_SIGTERMDrains(t *testing.T) {
	p := ready(t)
	_, rest := p.slow("500ms")
	p.signal(syscall.SIGTERM)
	if err := rest(); err != nil {
		t.Errorf("the active request fails: %v", err)
	}
	p.exit(0)
	if strings.Contains(p.said(), "unexpectedly") {
		t.Errorf("an end that was asked for is logged as another:\n%s", p.said())
	}
}

func TestRun_SecondInterruptEndsAtOnce(t *testing.T) {
	p := ready(t)
	p.slow("1h")
	p.signal(syscall.SIGINT)
	p.says("draining the workers")
	p.signal(syscall.SIGINT)
	p.exit(1)
	p.says("interrupted while draining")
}

func TestRun_WorkerThatDoesNotDrainIsKilled(t *testing.T) {
	p := ready(t, "DRAIN=300ms")
	p.slow("1h")
	p.signal(syscall.SIGTERM)
	p.exit(0)
	p.says("has not drained in time")
}

func TestRun_WorkersEndWithTheirSupervisor(t *testing.T) {
	p := ready(t)
	p.signal(syscall.SIGKILL)
	p.exit(-1) // with all output of the workers
	p.eventually("the port is free", func() bool {
		listener, err := net.Listen("tcp", strings.TrimPrefix(p.url, "http://"))
		return err == nil && listener.Close() == nil
	})
}

func TestRun_CrashLoopEndsWithItsReason(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	p := start(t, nil, "BROKEN="+touch(t))
	p.exit(1)
	p.says("do not stay up")
	p.says("it ended before it was ready: exit status 1")
}

func TestRun_StuckWorkerIsKilledAndReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	flag := touch(t)
	p := start(t, nil, "STUCK="+flag, "READY=2s")
	p.says("was not ready within 2s")
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	p.allReady()
}

func TestRun_MessagesArriveBeforeTheEnd(t *testing.T) {
	p := ready(t)
	if _, err := p.get("/say"); err != nil {
		t.Fatal(err)
	}
	p.says(`message="a word"`)
	pids := p.allReady()
	p.signal(syscall.SIGTERM)
	p.exit(0)
	for slot, pid := range pids {
		last := strings.Index(p.said(), fmt.Sprintf("from=%d message=goodbye", pid))
		ended := strings.Index(p.said(), fmt.Sprintf("msg=ended worker=%d from=%d", slot, pid))
		if last < 0 || ended < last {
			t.Errorf("the last message of worker %d is at %d, its end at %d:\n%s", pid, last, ended, p.said())
		}
	}
}

func TestRun_WorkersHaveTheEnvironment(t *testing.T) {
	p := ready(t, "GREETING=") // an exported value, even an empty one, loses against Options.Env
	if got, err := p.get("/environment"); err != nil || got != "hello true" {
		t.Errorf("it is %q %v", got, err)
	}
}

func TestRun_WorksAsProcessOne(t *testing.T) {
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip("only Linux has PID namespaces")
	}
	wrapper := []string{"unshare"}
	if os.Getuid() != 0 {
		wrapper = append(wrapper, "--user", "--map-root-user")
	}
	p := start(t, append(wrapper, "--pid", "--fork", "--mount-proc", "--kill-child", "--"))
	p.allReady()
	first := childrenOf(t, p.cmd.Process.Pid)[0] // unshare's child; in its namespace it is 1
	workers := childrenOf(t, first)
	kill(t, workers[0])
	p.eventually("another worker runs, and the killed one is reaped", func() bool {
		now := childrenOf(t, first)
		return len(now) == 3 && !slices.Contains(now, workers[0])
	})
	p.allReady()
	_, rest := p.slow("500ms")
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := rest(); err != nil {
		t.Errorf("the active request fails: %v", err)
	}
	p.exit(0)
}

func childrenOf(t *testing.T, parent int) (children []int) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text, _ := os.ReadFile(thread) // it may have ended
		for child := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				t.Fatal(err)
			}
			children = append(children, pid)
		}
	}
	return children
}
