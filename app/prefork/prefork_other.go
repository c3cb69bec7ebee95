//go:build !unix

package prefork

import "context"

// Supervisor is what New does not return here.
type Supervisor struct{}

// New returns ErrUnsupported.
func New(Options) (*Supervisor, error) { return nil, ErrUnsupported }

// Run returns ErrUnsupported.
func (s *Supervisor) Run(context.Context) error { return ErrUnsupported }

// Slots returns none.
func (s *Supervisor) Slots() []Slot { return nil }

// Ask returns ErrUnsupported.
func (s *Supervisor) Ask(context.Context, int, []byte) ([]byte, error) { return nil, ErrUnsupported }

// Roll does nothing.
func (s *Supervisor) Roll() {}
