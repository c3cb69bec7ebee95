package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/prefab/app/console"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/deadletter"
)

// testProcess is a process with the job "sweep" and the queue "lamps".
type testProcess struct {
	console.Process
	t     *testing.T
	ran   chan struct{} // the job waits for it
	lamps *queue
	log   bytes.Buffer
}

func newProcess(t *testing.T) *testProcess {
	t.Helper()
	p := &testProcess{t: t, ran: make(chan struct{}), lamps: &queue{left: 60}}
	p.Log, p.Statements, p.Queues = slog.New(slog.NewTextHandler(&p.log, nil)), new(querylog.Texts), []console.DeadLetters{p.lamps}
	var err error
	p.DB, err = postgres.Open(postgres.Options{
		URL: devtest.EmptyDatabase(t), MaxConns: 2, Prepared: true, Observe: p.Statements.Observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.DB.Close() })
	p.Jobs = runner.New(runner.Options{Log: p.Log})
	p.Jobs.Add(runner.Job{Name: "sweep", Every: 24 * time.Hour, Timeout: time.Minute, Run: func(context.Context) error {
		<-p.ran
		return errors.New("no broom")
	}})
	p.Jobs.Start()
	t.Cleanup(func() { _ = p.Jobs.Stop(context.Background()) })
	return p
}

// queue has dead letters with the keys from 1 to left. The real ones are tested where they are.
type queue struct {
	left   int
	broken error
	did    []string
}

func (q *queue) Name() string { return "lamps" }

func (q *queue) DeadLetters(ctx context.Context, limit int) ([]deadletter.Letter, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, errors.New("there is no deadline")
	}
	return slices.Repeat([]deadletter.Letter{{Key: "1", About: "60", Error: "too bright"}}, min(limit, q.left)), q.broken
}

func (q *queue) RetryDeadLetter(_ context.Context, key string) error   { return q.do("retry " + key) }
func (q *queue) DiscardDeadLetter(_ context.Context, key string) error { return q.do("discard " + key) }

func (q *queue) do(what string) error {
	if strings.HasSuffix(what, " 99") {
		return deadletter.ErrNone
	}
	q.did = append(q.did, what)
	return q.broken
}

func (p *testProcess) ask(q console.Question) (a console.Answer) {
	p.t.Helper()
	question, err := json.Marshal(q)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := json.Unmarshal(p.Answer(p.t.Context(), question), &a); err != nil {
		p.t.Fatal(err)
	}
	return a
}

func TestProcess_TellsWhatItDoes(t *testing.T) {
	p := newProcess(t)
	p.Slow = func() []console.Call { return make([]console.Call, 60) }
	p.DB.MustExec("-- name: lamps.count\nSELECT 1")
	a := p.ask(console.Question{Kind: console.Status})
	if a.Error != "" || len(a.Calls) != 50 || a.Letters != nil || a.Texts != nil {
		t.Errorf("the status is %+v", a)
	}
	if len(a.Jobs) != 1 || a.Jobs[0].Name != "sweep" || a.Jobs[0].Schedule != "every 24h" || a.Jobs[0].Next.IsZero() {
		t.Errorf("the jobs are %+v", a.Jobs)
	}
	a = p.ask(console.Question{Kind: console.Status, Letters: true, Texts: true})
	want := console.Letter{Key: "1", About: "60", Error: "too bright"}
	if letters := a.Letters["lamps"]; a.Error != "" || len(letters) != 50 || letters[0] != want {
		t.Errorf("the letters are %+v, error %q", letters, a.Error)
	}
	if text := a.Texts["lamps.count"]; text != "-- name: lamps.count\nSELECT 1" {
		t.Errorf("the texts are %q", a.Texts)
	}
}

func TestProcess_TellsTheRestWhenAQueueDoesNotAnswer(t *testing.T) {
	p := newProcess(t)
	p.Queues = append([]console.DeadLetters{&queue{broken: context.DeadlineExceeded}}, p.lamps)
	a := p.ask(console.Question{Kind: console.Status, Letters: true})
	if a.Error != "The dead letters of lamps cannot be listed." || len(a.Letters["lamps"]) != 50 || len(a.Jobs) != 1 {
		t.Errorf("the answer is %+v", a)
	}
}

func TestProcess_BoundsTheTexts(t *testing.T) {
	p := newProcess(t)
	for i := range 300 {
		name := fmt.Sprint("lamps.", i)
		p.Statements.Observe(t.Context(), querylog.Event{Name: name, Query: "-- name: " + name + "\n" + strings.Repeat("x", 27*i)})
	}
	a, size := p.ask(console.Question{Kind: console.Status, Texts: true}), 0
	for name, text := range a.Texts {
		size += len(name) + len(text)
	}
	if size > 1<<20 || len(a.Texts) < 200 || len(a.Texts) == 300 || a.Texts["lamps.0"] == "" {
		t.Errorf("%d texts of %d bytes are told", len(a.Texts), size)
	}
}

func TestProcess_ExplainsAStatementThatItHasSent(t *testing.T) {
	p := newProcess(t)
	p.DB.MustExec("-- name: lamps.count\nSELECT count(*) FROM pg_class WHERE relname = $1", "lamps")
	a := p.ask(console.Question{Kind: console.Plan, Name: "lamps.count"})
	if a.Error != "" || !strings.Contains(a.Plan, "relname = $1") {
		t.Errorf("the plan is %q, error %q", a.Plan, a.Error)
	}
	if a := p.ask(console.Question{Kind: console.Plan, Name: "lamps.none"}); a.Error == "" || !a.Missing {
		t.Errorf("of another it answers %+v", a)
	}
}

func TestProcess_RunsAJob(t *testing.T) {
	p := newProcess(t)
	if a := p.ask(console.Question{Kind: console.RunJob, Name: "dust"}); a.Error == "" || !a.Missing {
		t.Errorf("of an unknown job it answers %+v", a)
	}
	if a := p.ask(console.Question{Kind: console.RunJob, Name: "sweep"}); a.Error != "" {
		t.Fatal(a.Error)
	}
	if a := p.ask(console.Question{Kind: console.RunJob, Name: "sweep"}); a.Error != "The job is running." || a.Missing {
		t.Errorf("of a running job it answers %+v", a)
	}
	p.ran <- struct{}{}
	for deadline := time.Now().Add(time.Minute); p.ask(console.Question{Kind: console.Status}).Jobs[0].Error != "no broom"; {
		if time.Now().After(deadline) {
			t.Fatal("the job's error is never told")
		}
	}
}

func TestProcess_ChangesDeadLetters(t *testing.T) {
	p := newProcess(t)
	for _, step := range []struct {
		kind, queue, key string
		want             string // of the error
	}{
		{console.Retry, "lamps", "1", ""},
		{console.Discard, "lamps", "2", ""},
		{console.Discard, "lamps", "99", "no such dead letter"},
		{console.Retry, "lamps", "99", "no such dead letter"},
		{console.Discard, "chairs", "2", "no such queue"},
	} {
		a := p.ask(console.Question{Kind: step.kind, Name: step.queue, Key: step.key})
		if (a.Error != "") != (step.want != "") || !strings.Contains(a.Error, step.want) || a.Missing != (step.want != "") {
			t.Errorf("%+v: %+v", step, a)
		}
	}
	if got := strings.Join(p.lamps.did, ", "); got != "retry 1, discard 2" {
		t.Errorf("the queue did %q", got)
	}
	p.lamps.broken = errors.New("the password is 123")
	a := p.ask(console.Question{Kind: console.Retry, Name: "lamps", Key: "1"})
	if a.Error != "Something went wrong. The log says what." || !strings.Contains(p.log.String(), "123") {
		t.Errorf("told is %q, logged is %s", a.Error, &p.log)
	}
}

func TestProcess_AnswersWhateverIsAsked(t *testing.T) {
	p := newProcess(t)
	p.Slow = func() []console.Call { panic("out of cheese") }
	for question, want := range map[string]string{
		`{"kind":"status"}`: "Something went wrong. The log says what.",
		`{"kind":"dance"}`:  "There is no such question.",
		`{"kind":`:          "Something went wrong. The log says what.",
	} {
		var a console.Answer
		if err := json.Unmarshal(p.Answer(t.Context(), []byte(question)), &a); err != nil || a.Error != want {
			t.Errorf("%s is answered %+v, %v", question, a, err)
		}
	}
	if !strings.Contains(p.log.String(), "out of cheese") {
		t.Error("the fault is not logged")
	}
	var nothing console.Process
	for _, kind := range []string{console.Status, console.Plan, console.RunJob, console.Retry} {
		if text := nothing.Answer(t.Context(), []byte(`{"kind":"`+kind+`"}`)); !json.Valid(text) {
			t.Errorf("a process without anything answers %s to %q", text, kind)
		}
	}
}

func TestProcess_MakesProfilesOfItself(t *testing.T) {
	p := newProcess(t)
	for name, want := range map[string]string{"heap": "", "goroutine": "", "profile": "", "nothing": "There is no such profile."} {
		a := p.ask(console.Question{Kind: console.Profile, Name: name})
		if a.Error != want || want == "" && !bytes.HasPrefix(a.Profile, []byte{0x1f, 0x8b}) { // gzip
			t.Errorf("%s: %d bytes, %q", name, len(a.Profile), a.Error)
		}
	}
}
