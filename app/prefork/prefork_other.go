//go:build !unix

package prefork

import (
	"context"
	"net"
)

// ExitError is how the program under Init ended.
type ExitError int

func (s ExitError) Error() string { return "ended" }

// IsInit reports whether this is process 1, which there is not here.
func IsInit() bool { return false }

// Init is not here.
func Init() error { return ErrUnsupported }

// Supervisor is what New does not return here.
type Supervisor struct{}

// New returns ErrUnsupported.
func New(Options) (*Supervisor, error) { return nil, ErrUnsupported }

// Run returns ErrUnsupported.
func (s *Supervisor) Run(context.Context) error { return ErrUnsupported }

// Slots returns none.
func (s *Supervisor) Slots() []Slot { return nil }

// Worker is what Inherit does not return here.
type Worker struct {
	Slot     int
	Listener net.Listener
}

// IsWorker reports that this process is none.
func IsWorker() bool { return false }

// Inherit returns ErrUnsupported.
func Inherit() (*Worker, error) { return nil, ErrUnsupported }

// Ready returns ErrUnsupported.
func (w *Worker) Ready() error { return ErrUnsupported }

// Send returns ErrUnsupported.
func (w *Worker) Send([]byte) error { return ErrUnsupported }

// Context returns ctx.
func (w *Worker) Context(ctx context.Context) context.Context { return ctx }

// Slots returns none.
func (w *Worker) Slots() []Slot { return nil }
