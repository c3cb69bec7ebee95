package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"example.com/prefab/services/problem"
)

const (
	noAnswer = "No worker answers."
	maxForm  = 4 << 10
)

var errNoAnswer = errors.New("no worker answers")

// serveConfirm asks before something is changed.
func (c *Console) serveConfirm(w http.ResponseWriter, r *http.Request) {
	action, err := readAction(r.URL.Query())
	if err != nil {
		refuse(w, err)
		return
	}
	c.send(w, func(out io.Writer) error { return renderConfirm(out, action, "") })
}

// serveAction changes something, and leads back to the page.
func (c *Console) serveAction(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	action, err := readAction(r.PostForm)
	if err != nil {
		refuse(w, err)
		return
	}
	failure := c.perform(r.Context(), action)
	c.o.Log.Warn("console action", "do", action.Do, "queue", action.Queue, "key", action.Key, "job", action.Job,
		"failure", failure)
	if failure != "" {
		w.WriteHeader(http.StatusConflict)
		c.send(w, func(out io.Writer) error { return renderConfirm(out, action, failure) })
		return
	}
	http.Redirect(w, r, "/ops?"+url.Values{"done": {action.Do}}.Encode(), http.StatusSeeOther)
}

// refuse answers a request that no page of the console makes.
func refuse(w http.ResponseWriter, err error) {
	message := "The request cannot be understood."
	if p, ok := errors.AsType[*problem.Error](err); ok {
		message = p.Message
	}
	http.Error(w, message, http.StatusUnprocessableEntity)
}

// perform does the action, and returns why it was not done.
func (c *Console) perform(ctx context.Context, a Action) (failure string) {
	q := Question{Name: a.Queue, Key: a.Key}
	switch a.Do {
	case "roll":
		if c.o.Roll == nil {
			return "A single process serves. Restart it, or set PREFORK=true."
		}
		c.o.Roll()
		return ""
	case "run":
		q = Question{Kind: RunJob, Name: a.Job}
	case "retry":
		q.Kind = Retry
	case "discard":
		q.Kind = Discard
	}
	answer, err := c.askAny(ctx, q)
	if err != nil {
		return noAnswer
	}
	return answer.Error
}

// askAny asks the node's workers that answer, one after the other, until one knows what is meant.
func (c *Console) askAny(ctx context.Context, q Question) (answer Answer, err error) {
	err = errNoAnswer
	for _, slot := range c.processes.refresh(ctx, c.o.Ask, c.runningSlots()) {
		once, cancel := context.WithTimeout(ctx, answerTimeout)
		answer, err = c.o.Ask.question(once, slot, q)
		cancel()
		if err == nil && !answer.Missing {
			break
		}
	}
	return answer, err
}
