package console

import (
	"context"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"example.com/prefab/jobs/runner"
	"example.com/prefab/repositories/querylog"
	"example.com/prefab/services/deadletter"
)

// The bounds of an answer. Whoever has asked does not wait for longer.
const (
	answerTimeout  = 3 * time.Second
	lettersTimeout = statusTimeout / 2 // else a server that hangs would hide the rest of the status
	maxLetters     = 50                // of each queue
	maxTexts       = 1 << 20
)

// The kinds of questions.
const (
	Status  = "status"  // what the process does: requests in flight and jobs
	Plan    = "plan"    // the plan of the statement Name
	RunJob  = "run"     // run the job Name now
	Retry   = "retry"   // try the dead letter Key of the queue Name again
	Discard = "discard" // delete the dead letter Key of the queue Name
	Profile = "profile" // make the profile Name, for Seconds if it is that of the CPU
)

// Question is what a console asks a process.
type Question struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`

	Seconds int `json:"seconds,omitempty"`

	// With Status: tell also the dead letters, which all processes of the service share, or the
	// texts of the statements that this process has sent.
	Letters bool `json:"letters,omitempty"`
	Texts   bool `json:"texts,omitempty"`
}

// Answer is what the process answers. Calls, jobs and so on have no node and slot: whoever
// asks knows them.
type Answer struct {
	Calls   []Call              `json:"calls,omitempty"`   // slow ones, the oldest first
	Jobs    []Job               `json:"jobs,omitempty"`    // without Runs and Failures, which are metrics
	Letters map[string][]Letter `json:"letters,omitempty"` // by queue
	Texts   map[string]string   `json:"texts,omitempty"`   // by the statement's name

	Plan    string `json:"plan,omitempty"`
	Profile []byte `json:"profile,omitempty"`

	// Error says why the answer, or a part of it, is missing. It is safe to show. Missing says
	// that the process does not know what the question names: another process may.
	Error   string `json:"error,omitempty"`
	Missing bool   `json:"missing,omitempty"`
}

// DeadLetters is a queue with work that it could not do.
type DeadLetters interface {
	Name() string
	// DeadLetters returns at most limit letters, the newest first.
	DeadLetters(ctx context.Context, limit int) ([]deadletter.Letter, error)
	// RetryDeadLetter and DiscardDeadLetter return deadletter.ErrNone for an unknown key.
	RetryDeadLetter(ctx context.Context, key string) error
	DiscardDeadLetter(ctx context.Context, key string) error
}

// Process answers what a console asks about one process that serves. It costs nothing while
// nobody asks.
type Process struct {
	Jobs       *runner.Runner // nil: none
	Queues     []DeadLetters
	Slow       func() []Call   // requests in flight, the oldest first; nil: none
	Statements *querylog.Texts // nil: none
	DB         *sqlx.DB        // for plans
	Log        *slog.Logger
}
