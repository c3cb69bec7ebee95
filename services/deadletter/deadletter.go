// Package deadletter holds what a queue tells of a dead letter: work that it could not do,
// and keeps for an operator to look at. The queues are in repositories, and are shown in app.
//
//	letters, err := queue.DeadLetters(ctx, 50) // []deadletter.Letter
//	…
//	if errors.Is(err, deadletter.ErrNone) {
//		// it was retried, discarded or replaced meanwhile
//	}
package deadletter

import (
	"time"

	"example.com/prefab/services/problem"
)

// Letter is a dead letter. All of it is safe to show: a queue of personal data says where
// to look, but not what it is.
type Letter struct {
	Key   string
	About string // the value, or the kind of work
	Error string
	At    time.Time // of the last try
}

// ErrNone says that there is no dead letter of that key.
var ErrNone = &problem.Error{
	Code: problem.NotFound, Message: "There is no such dead letter. It may have been retried or replaced.",
}
