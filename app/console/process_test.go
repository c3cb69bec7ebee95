package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"example.com/prefab/app/console"
	"example.com/prefab/app/devservices/devtest"
	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/outbox"
	"example.com/prefab/repositories/postgres"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/repositories/writebehind"
	"example.com/prefab/services/writes"
)

// testProcess is a process with a job, a buffer "lamps" with the dead letters 1 and 2, and
// an outbox.
type testProcess struct {
	console.Process
	t      *testing.T
	ran    chan struct{} // receives when the job "sweep" runs
	buffer *writebehind.Buffer[int64, int64]
	log    bytes.Buffer
}

func newProcess(t *testing.T) *testProcess {
	t.Helper()
	p := &testProcess{t: t, ran: make(chan struct{})}
	p.Log, p.Statements = slog.New(slog.NewTextHandler(&p.log, nil)), new(querylog.Texts)
	p.DB = openDatabase(t, p.Statements)
	p.Jobs = runner.New(runner.Options{Log: p.Log})
	p.Jobs.Add(runner.Job{Name: "sweep", Every: 24 * time.Hour, Timeout: time.Minute, Run: func(context.Context) error {
		<-p.ran
		return errors.New("no broom")
	}})
	p.Jobs.Start()
	t.Cleanup(func() { _ = p.Jobs.Stop(context.Background()) })
	p.buffer = writebehind.New(writebehind.Options[int64, int64]{
		Client: devtest.RedisClient(t, devtest.Redis(t)), Prefix: "test:", Name: "lamps", BatchSize: 10, MaxPending: 10,
		Invalidate: func(context.Context, []int64) error { return nil }, Log: p.Log, Metrics: prometheus.NewRegistry(),
	})
	for key := range int64(2) {
		if _, err := p.buffer.Put(t.Context(), key+1, 60); err != nil {
			t.Fatal(err)
		}
	}
	err := p.buffer.Flush(t.Context(), func(context.Context, []writes.Write[int64, int64]) (writes.Rejected[int64], error) {
		return writes.Rejected[int64]{}, writes.ErrInvalid
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Queues = []console.DeadLetters{
		p.buffer, outbox.New(outbox.Options{DB: p.DB, Log: p.Log, Metrics: prometheus.NewRegistry()}),
	}
	return p
}

func openDatabase(t *testing.T, texts *querylog.Texts) *sqlx.DB {
	t.Helper()
	db, err := postgres.Open(postgres.Options{
		URL: devtest.EmptyDatabase(t), MaxConns: 2, Prepared: true, Observe: texts.Observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	migration, err := os.ReadFile("../../repositories/migrations/00005_outbox.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(migration), "-- +goose Down")
	db.MustExec(up)
	db.MustExec("INSERT INTO outbox (kind, payload, given_up, error) SELECT 'mail', '\"ann@example.com\"', true, 'ann@example.com' " +
		"FROM generate_series(1, 60)")
	return db
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
	a := p.ask(console.Question{Kind: console.Look})
	if a.Error != "" || len(a.Calls) != 50 || a.Letters != nil || a.Texts != nil {
		t.Errorf("a look answers %+v", a)
	}
	if len(a.Jobs) != 1 || a.Jobs[0].Name != "sweep" || a.Jobs[0].Schedule != "every 24h" || a.Jobs[0].Next.IsZero() {
		t.Errorf("the jobs are %+v", a.Jobs)
	}
	p.ask(console.Question{Kind: console.Look, Letters: true}) // which sends a statement
	a = p.ask(console.Question{Kind: console.Look, Letters: true, Texts: true})
	if a.Error != "" || len(a.Letters["lamps"]) != 2 || len(a.Letters["outbox"]) != 50 {
		t.Errorf("the letters are %+v, error %q", a.Letters, a.Error)
	}
	if text := a.Texts["outbox.list_given_up"]; !strings.HasPrefix(text, "-- name: outbox.list_given_up\nSELECT") {
		t.Errorf("the texts are %q", a.Texts)
	}
	if text := fmt.Sprint(a); strings.Contains(text, "ann@") {
		t.Error("an address is told")
	}
}

func TestProcess_TellsTheRestWhenAQueueDoesNotAnswer(t *testing.T) {
	p := newProcess(t)
	p.DB.Close()
	a := p.ask(console.Question{Kind: console.Look, Letters: true})
	if a.Error == "" || len(a.Letters["lamps"]) != 2 || len(a.Jobs) != 1 {
		t.Errorf("the answer is %+v", a)
	}
}

func TestProcess_ExplainsAStatementThatItHasSent(t *testing.T) {
	p := newProcess(t)
	if _, err := p.Queues[1].DeadLetters(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	a := p.ask(console.Question{Kind: console.Plan, Name: "outbox.list_given_up"})
	if a.Error != "" || !strings.Contains(a.Plan, "on outbox") {
		t.Errorf("the plan is %q, error %q", a.Plan, a.Error)
	}
	if a := p.ask(console.Question{Kind: console.Plan, Name: "outbox.none"}); a.Error == "" || !a.Missing {
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
	for deadline := time.Now().Add(time.Minute); p.ask(console.Question{Kind: console.Look}).Jobs[0].Error != "no broom"; {
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
		{console.Discard, "lamps", "2", "no such dead letter"},
		{console.Retry, "lamps", "2", "no such dead letter"},
		{console.Retry, "outbox", "1", ""},
		{console.Retry, "outbox", "1", "no such dead letter"},
		{console.Discard, "outbox", "2", ""},
		{console.Discard, "chairs", "2", "no such queue"},
	} {
		a := p.ask(console.Question{Kind: step.kind, Name: step.queue, Key: step.key})
		if (a.Error != "") != (step.want != "") || !strings.Contains(a.Error, step.want) || a.Missing != (step.want != "") {
			t.Errorf("%+v: %+v", step, a)
		}
	}
	a := p.ask(console.Question{Kind: console.Look, Letters: true})
	var left int
	if err := p.DB.Get(&left, "SELECT count(*) FROM outbox WHERE given_up"); err != nil || left != 58 {
		t.Errorf("%d items are given up, error %v", left, err)
	}
	if len(a.Letters["lamps"]) != 1 || len(p.buffer.RetryRequested()) != 1 {
		t.Errorf("left are %+v", a.Letters["lamps"])
	}
}

func TestProcess_AnswersWhateverIsAsked(t *testing.T) {
	p := newProcess(t)
	p.Slow = func() []console.Call { panic("out of cheese") }
	for question, want := range map[string]string{
		`{"kind":"look"}`:  "Something went wrong. The log says what.",
		`{"kind":"dance"}`: "There is no such question.",
		`{"kind":`:         "Something went wrong. The log says what.",
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
	for _, kind := range []string{console.Look, console.Plan, console.RunJob, console.Retry} {
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
