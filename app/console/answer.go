package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/problem"
)

// Answer answers a Question, both encoded as JSON. Any goroutine may call it. A fault of its
// own is logged, and does not end the process.
func (p *Process) Answer(ctx context.Context, question []byte) []byte {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	answer := p.answer(ctx, question)
	text, err := json.Marshal(answer)
	if err != nil { // a bug: JSON has all types of Answer
		p.Log.ErrorContext(ctx, "the console's answer cannot be encoded", "error", err)
	}
	return text
}

func (p *Process) answer(ctx context.Context, question []byte) (a Answer) {
	defer func() {
		if reason := recover(); reason != nil {
			p.fail(ctx, &a, fmt.Errorf("panic: %v\n%s", reason, debug.Stack()))
		}
	}()
	var q Question
	err := json.Unmarshal(question, &q)
	if err == nil {
		switch q.Kind {
		case Status:
			p.status(ctx, q, &a)
		case Plan:
			a.Plan, err = p.plan(ctx, q.Name)
		case RunJob:
			err = errNoJob
			if p.Jobs != nil {
				err = p.Jobs.RunNow(q.Name)
			}
		case Retry:
			err = p.changeLetter(q, func(queue DeadLetters) error { return queue.RetryDeadLetter(ctx, q.Key) })
		case Discard:
			err = p.changeLetter(q, func(queue DeadLetters) error { return queue.DiscardDeadLetter(ctx, q.Key) })
		case Profile:
			a.Profile, err = profile(context.WithoutCancel(ctx), q) // it may take longer than other answers
		default:
			err = errKind
		}
	}
	if err != nil {
		p.fail(ctx, &a, err)
	}
	return a
}

var (
	errNoJob       = &problem.Error{Code: problem.NotFound, Message: "There is no such job."}
	errNoQueue     = &problem.Error{Code: problem.NotFound, Message: "There is no such queue."}
	errNoStatement = &problem.Error{Code: problem.NotFound, Message: "The process has not sent such a statement yet."}
	errKind        = &problem.Error{Code: problem.Malformed, Message: "There is no such question."}
	errLate        = &problem.Error{Code: problem.Unavailable, Message: "It took too long."}
)

// fail puts an error into the answer. One that must not be shown is logged.
func (p *Process) fail(ctx context.Context, a *Answer, err error) {
	told, ok := errors.AsType[*problem.Error](err)
	if !ok && errors.Is(err, context.DeadlineExceeded) {
		told, ok = errLate, true
	}
	if !ok {
		p.Log.ErrorContext(ctx, "the console got no answer", "error", err)
		a.Error = "Something went wrong. The log says what."
		return
	}
	a.Error, a.Missing = told.Error(), told.Code == problem.NotFound
}

func (p *Process) status(ctx context.Context, q Question, a *Answer) {
	if p.Slow != nil {
		a.Calls = p.Slow()
		a.Calls = a.Calls[:min(len(a.Calls), maxCalls)]
	}
	if p.Jobs != nil {
		for _, s := range p.Jobs.Status() {
			a.Jobs = append(a.Jobs, Job{
				Name: s.Name, Schedule: s.Schedule, Shared: s.Shared, Running: s.Running,
				Last: s.Last, Took: s.Took.Seconds(), Error: s.Error, Next: s.Next,
			})
		}
	}
	if q.Texts && p.Statements != nil {
		a.Texts = boundTexts(p.Statements.All())
	}
	if !q.Letters {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lettersTimeout)
	defer cancel()
	a.Letters = make(map[string][]Letter)
	for _, queue := range p.Queues { // one that does not answer must not hide the rest
		letters, err := queue.DeadLetters(ctx, maxLetters)
		if err != nil {
			p.fail(ctx, a, err)
			a.Error = "The dead letters of " + queue.Name() + " cannot be listed."
			continue
		}
		for _, l := range letters {
			a.Letters[queue.Name()] = append(a.Letters[queue.Name()], Letter(l))
		}
	}
}

// boundTexts leaves out the longest texts if all together are too long for an answer.
func boundTexts(all map[string]string) map[string]string {
	names, size := make([]string, 0, len(all)), 0
	for name := range all {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(len(all[a]), len(all[b])) })
	texts := make(map[string]string, len(all))
	for _, name := range names {
		if size += len(name) + len(all[name]); size > maxTexts {
			break
		}
		texts[name] = all[name]
	}
	return texts
}

func (p *Process) plan(ctx context.Context, name string) (string, error) {
	if p.Statements == nil || p.DB == nil {
		return "", errNoStatement
	}
	text, ok := p.Statements.All()[name]
	if !ok {
		return "", errNoStatement
	}
	return querylog.Explain(ctx, p.DB.DB, text)
}

func (p *Process) changeLetter(q Question, change func(DeadLetters) error) error {
	i := slices.IndexFunc(p.Queues, func(queue DeadLetters) bool { return queue.Name() == q.Name })
	if i < 0 {
		return errNoQueue
	}
	return change(p.Queues[i])
}
