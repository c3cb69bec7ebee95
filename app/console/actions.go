package console

import (
	"fmt"
	"net/url"

	"example.com/prefab/services/problem"
)

const maxKey = 200 // bytes of a name or key

// Action is what an operator can have done on the console's page.
type Action struct {
	Do    string // retry, discard, run or roll
	Queue string // of retry and discard
	Key   string // of the dead letter
	Job   string // of run
}

// readAction returns the action of a query or a form.
func readAction(from url.Values) (Action, error) {
	a := Action{Do: from.Get("do"), Queue: from.Get("queue"), Key: from.Get("key"), Job: from.Get("job")}
	return a, problem.Check(a.Rules)
}

// Rules says what an action needs.
func (a Action) Rules(r *problem.Rules) {
	r.OneOf("do", a.Do, "retry", "discard", "run", "roll")
	switch a.Do {
	case "retry", "discard":
		r.Check(a.Queue != "" && len(a.Queue) <= maxKey, "queue", "must name a queue")
		r.Check(a.Key != "" && len(a.Key) <= maxKey, "key", "must name a dead letter")
	case "run":
		r.Check(a.Job != "" && len(a.Job) <= maxKey, "job", "must name a job")
	}
}

// Title is a short name, for a heading and a button.
func (a Action) Title() string {
	switch a.Do {
	case "retry":
		return "Try again"
	case "discard":
		return "Discard"
	case "run":
		return "Run now"
	}
	return "Replace the workers"
}

// Describe says what will happen.
func (a Action) Describe() string {
	switch a.Do {
	case "retry":
		return fmt.Sprintf("The dead letter %s of the queue %s is tried again, now.", a.Key, a.Queue)
	case "discard":
		return fmt.Sprintf("The dead letter %s of the queue %s is removed for ever. Nothing delivers it.", a.Key, a.Queue)
	case "run":
		return fmt.Sprintf("The job %s runs once, now, beside its schedule. "+
			"If it runs already, nothing happens.", a.Job)
	}
	return "New workers take the place of this node's workers, one after the other. No request fails."
}

// doneNotices are what the page says when an action has been done.
var doneNotices = map[string]string{
	"retry":   "The dead letter is tried again.",
	"discard": "The dead letter is removed.",
	"run":     "The job was started.",
	"roll":    "The workers are being replaced.",
}
