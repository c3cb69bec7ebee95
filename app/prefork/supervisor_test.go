//go:build unix

package prefork_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestRun_KilledWorkersAreReplacedAndNobodyElseNotices(t *testing.T) {
	p := ready(t)
	for round := range 6 {
		victim := p.allReady()[round%3]
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			// A connection that the victim had accepted may fail, and it alone.
			if _, err := p.get("/pid"); err != nil && strings.Contains(err.Error(), "refused") {
				t.Fatalf("the port was left: %v", err)
			}
		}
		p.eventually("the victim is gone", func() bool { return !slices.Contains(p.allReady(), victim) })
	}
	restarts := 0
	for _, slot := range p.slots() {
		restarts += slot.Restarts
	}
	if restarts != 6 {
		t.Errorf("%d restarts are counted of 6", restarts)
	}
}

func TestRun_KilledWorkerTakesOnlyItsOwnRequests(t *testing.T) {
	p := ready(t)
	victim := p.allReady()[0]
	var all sync.WaitGroup
	outcomes := make(chan string, 30)
	for range 30 {
		all.Go(func() {
			body, err := p.get("/slow?for=700ms")
			if err != nil {
				body = "failed"
			}
			outcomes <- body
		})
	}
	time.Sleep(300 * time.Millisecond) // all are accepted
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	close(outcomes)
	count := map[string]int{}
	for outcome := range outcomes {
		count[outcome]++
	}
	if count[strconv.Itoa(victim)] > 0 {
		t.Error("the victim has answered: the test did not kill it in time")
	}
	if count["failed"] == 30 {
		t.Errorf("nobody answered: %v", count)
	}
}

func TestRun_RollingRestartFailsNoRequest(t *testing.T) {
	p := ready(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	served := 0
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := p.get("/slow?for=50ms")
				mu.Lock()
				if served++; err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	for range 3 {
		before := p.allReady()
		p.signal(syscall.SIGHUP)
		p.eventually("all workers are new", func() bool {
			return !slices.ContainsFunc(p.allReady(), func(pid int) bool { return slices.Contains(before, pid) })
		})
	}
	close(stop)
	clients.Wait()
	if len(failed) > 0 || served == 0 {
		t.Errorf("of %d requests %d failed, the first with: %v", served, len(failed), failed[:min(1, len(failed))])
	}
	for _, slot := range p.slots() {
		if slot.Restarts != 0 {
			t.Errorf("a replacement counts as a restart: %+v", slot)
		}
	}
}

func TestRun_FiberTakesAWorkerForAChild(t *testing.T) {
	if told, err := ready(t).get("/child"); told != "true" {
		t.Errorf("fiber.IsChild says %q, %v", told, err)
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
	p.eventually("it gives up replacing", func() bool { return strings.Contains(p.said(), "could not be replaced") })
	if after := p.allReady(); !slices.Equal(before, after) {
		t.Errorf("the workers were %v and are %v", before, after)
	}
}

func TestRun_SIGTERMDrains(t *testing.T) {
	p := ready(t)
	answer := make(chan error, 1)
	go func() {
		_, err := p.get("/slow?for=1s")
		answer <- err
	}()
	time.Sleep(200 * time.Millisecond)
	p.signal(syscall.SIGTERM)
	if err := <-answer; err != nil {
		t.Errorf("the request under way fails: %v", err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
	if strings.Contains(p.said(), "unexpectedly") {
		t.Errorf("an end that was asked for is told as another:\n%s", p.said())
	}
}

func TestRun_SecondInterruptEndsAtOnce(t *testing.T) {
	p := ready(t)
	go func() { _, _ = p.get("/slow?for=1h") }()
	time.Sleep(200 * time.Millisecond)
	p.signal(syscall.SIGINT)
	p.eventually("it drains", func() bool { return strings.Contains(p.said(), "draining the workers") })
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 1 || !strings.Contains(p.said(), "interrupted while draining") {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestRun_WorkerThatDoesNotDrainIsKilled(t *testing.T) {
	p := ready(t, "DRAIN=300ms")
	go func() { _, _ = p.get("/slow?for=1h") }()
	time.Sleep(200 * time.Millisecond)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 || !strings.Contains(p.said(), "has not drained in time") {
		t.Errorf("it ends with %d:\n%s", code, p.said())
	}
}

func TestRun_WorkersEndWithTheirSupervisor(t *testing.T) {
	p := ready(t)
	pids := p.allReady()
	p.signal(syscall.SIGKILL)
	p.exit()
	p.eventually("the workers have ended", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return syscall.Kill(pid, 0) == nil && !zombie(pid) })
	})
	listener, err := net.Listen("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatalf("the port is still held: %v", err)
	}
	listener.Close()
}

// zombie reports whether the process has ended and nobody has reaped it, as
// where this machine's process 1 does not.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestRun_CrashLoopEndsWithItsReason(t *testing.T) {
	flag, _ := touch(t)
	p := start(t, "BROKEN="+flag, "FAILURES=3")
	if code := p.exit(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	if !strings.Contains(p.said(), "do not stay up") || !strings.Contains(p.said(), "exit status 1") {
		t.Errorf("it does not say why:\n%s", p.said())
	}
}

func TestRun_CrashingSlotDoesNotTakeStableOnesDown(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "broken")
	p := ready(t, "BROKEN="+flag, "FAILURES=3", "STABLE=100ms")
	time.Sleep(200 * time.Millisecond)
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	victim := p.allReady()[1]
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.eventually("the slot has failed often", func() bool { return strings.Contains(p.said(), "failures=8") })
	if p.servedBy() == 0 {
		t.Errorf("nobody serves:\n%s", p.said())
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	p.allReady()
}

func TestRun_WorkersThatCrashAfterTheirStartAreALoopToo(t *testing.T) {
	p := ready(t, "FAILURES=3", "STABLE=1h")
	p.eventually("it ends", func() bool {
		_, _ = p.get("/exit")
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
	if !strings.Contains(p.said(), "do not stay up") {
		t.Errorf("it does not say why:\n%s", p.said())
	}
}

func TestRun_StuckWorkerIsKilledAndReplaced(t *testing.T) {
	flag, remove := touch(t)
	p := start(t, "STUCK="+flag, "READY=1s", "FAILURES=100")
	p.eventually("it is impatient", func() bool { return strings.Contains(p.said(), "was not ready within 1s") })
	remove()
	p.allReady()
}

func TestRun_MessagesArriveBeforeTheEnd(t *testing.T) {
	p := ready(t)
	p.say("a word")
	p.eventually("the word arrives", func() bool { return strings.Contains(p.said(), `message="a word"`) })
	pids := p.allReady()
	p.signal(syscall.SIGTERM)
	p.exit()
	for _, pid := range pids {
		last := strings.Index(p.said(), "from="+strconv.Itoa(pid)+" message=goodbye")
		ended := strings.Index(p.said(), "msg=ended worker="+strconv.Itoa(slices.Index(pids, pid)))
		if last < 0 || ended < last {
			t.Errorf("of worker %d the last words stand at %d, its end at %d:\n%s", pid, last, ended, p.said())
		}
	}
}

func TestRun_WorkersHaveTheEnvironment(t *testing.T) {
	p := ready(t, "GREETING=") // an exported value, even an empty one, loses against Options.Env
	if greeting, err := p.get("/greeting"); err != nil || greeting != "hello" {
		t.Errorf("it is %q %v", greeting, err)
	}
}
