//go:build unix

package prefork_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ask returns a worker's answer and its error, as fmt.Sprint has them.
func (p *tiny) ask(slot int, question string, timeout time.Duration) string {
	text, err := read(p.slotsURL + "/ask?" + url.Values{
		"slot": {fmt.Sprint(slot)}, "question": {question}, "timeout": {timeout.String()},
	}.Encode())
	if err != nil {
		p.t.Errorf("ask %q: %v", question, err)
	}
	return text
}

func TestAsk_EachWorkerAnswersSeveralQuestionsAtOnce(t *testing.T) {
	p := ready(t)
	pids := p.allReady()
	var asking sync.WaitGroup
	for i := range 15 {
		asking.Go(func() {
			if got, want := p.ask(i%3, "who", 0), fmt.Sprint(pids[i%3], "<nil>"); got != want {
				t.Errorf("slot %d answers %q, want %q", i%3, got, want)
			}
		})
	}
	asking.Wait()
	for question, want := range map[string]string{
		"long 1000000":             strings.Repeat("\x00", 1_000_000) + "<nil>",
		"long 5000000":             "the worker's answer has 5000000 bytes, of at most 4194304",
		strings.Repeat("x", 20000): "the question has 20000 bytes, of at most 16384",
	} {
		if got := p.ask(0, question, 0); got != want {
			t.Errorf("%.20q is answered %.100q, want %.100q", question, got, want)
		}
	}
	for _, slot := range []int{-1, 3} {
		if got := p.ask(slot, "who", 0); got != "no worker is ready in that slot" {
			t.Errorf("slot %d answers %q", slot, got)
		}
	}
}

func TestAsk_EndsWithAWorkerThatIsKilled(t *testing.T) {
	p := ready(t)
	victim := p.allReady()[0]
	answer := make(chan string)
	go func() { answer <- p.ask(0, "wait 1h", 0) }()
	p.says(fmt.Sprintf("asked pid=%d", victim))
	kill(t, victim)
	if got := <-answer; got != "no worker is ready in that slot" {
		t.Errorf("the answer is %q", got)
	}
	p.eventually("the next worker answers", func() bool {
		got := p.ask(0, "who", 0)
		return strings.HasSuffix(got, "<nil>") && got != fmt.Sprint(victim, "<nil>")
	})
}

func TestAsk_AWorkerThatHangsDelaysNothingElse(t *testing.T) {
	p := ready(t)
	pids := p.allReady()
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pids[0], syscall.SIGCONT) })
	long := "who " + strings.Repeat("x", 16_000) // all together do not fit into a socket
	var asking sync.WaitGroup
	for range 16 {
		asking.Go(func() {
			if got := p.ask(0, long, 100*time.Millisecond); got != "context deadline exceeded" {
				t.Errorf("the stopped worker answers %q", got)
			}
		})
	}
	asking.Wait()
	if got := p.ask(0, "who", 0); got != "the worker has not answered 16 questions yet" {
		t.Errorf("one question more is answered %q", got)
	}
	if got := p.ask(1, "who", 0); got != fmt.Sprint(pids[1], "<nil>") {
		t.Errorf("another worker answers %q", got)
	}
	if err := syscall.Kill(pids[0], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.eventually("it answers again", func() bool { return p.ask(0, "who", 0) == fmt.Sprint(pids[0], "<nil>") })
	p.signal(syscall.SIGTERM)
	p.exit(0)
	p.says(fmt.Sprintf("from=%d message=goodbye", pids[0]))
}

func TestRoll_ReplacesTheWorkersWhichStillAnswer(t *testing.T) {
	p := ready(t, "DRAIN=2s")
	before := p.allReady()
	pid, _ := p.slow("1h") // so that the worker drains while it answers
	slot, answer := slices.Index(before, pid), make(chan string)
	go func() { answer <- p.ask(slot, "replaced", 0) }()
	p.says(fmt.Sprintf("asked pid=%d", pid))
	if _, err := read(p.slotsURL + "/roll"); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != fmt.Sprint(pid, "<nil>") {
		t.Errorf("the old worker answers %q", got)
	}
	p.says("the workers are replaced")
	for slot, pid := range p.allReady() {
		if got := p.ask(slot, "who", 0); slices.Contains(before, pid) || got != fmt.Sprint(pid, "<nil>") {
			t.Errorf("slot %d has the worker %d, before %d, and answers %q", slot, pid, before[slot], got)
		}
	}
}

func TestAsk_AWorkerMayAnswerNothing(t *testing.T) {
	p := ready(t, "SILENT=1")
	if got := p.ask(0, "who", 0); got != "the worker answers no questions" {
		t.Errorf("the answer is %q", got)
	}
}
