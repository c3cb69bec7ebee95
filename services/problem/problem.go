// Package problem holds the errors that a caller can understand, and the rules by which
// input is checked. Handlers turn them into RFC 9457 problems.
package problem

import (
	"errors"
	"strings"
	"time"
)

// Code classifies an Error, so that each way out of the program, HTTP first,
// can answer in its own terms.
type Code int

// The codes, from the caller's mistakes to ours.
const (
	Internal         Code = iota // a fault of ours; its message is never shown
	Malformed                    // the input cannot be read at all
	Invalid                      // the input breaks a rule; Fields says which
	UnsupportedMedia             // the input is in a format that we do not take
	Unauthenticated              // nobody is signed in, or the credentials are wrong
	Forbidden                    // the user may not do this
	NotFound                     // absent, or hidden from this user
	Conflict                     // the state does not allow it
	Stale                        // the caller's copy is no longer the current one
	TooMany                      // a limit on attempts is reached; RetryAfter says for how long
	Unavailable                  // a server we depend on is away; trying again helps
)

// Error is a failure that the caller can understand. Its message is safe to show
// to users; what went wrong underneath is wrapped beside it, for the logs.
type Error struct {
	Code       Code
	Message    string
	Fields     []FieldError  // with Invalid
	RetryAfter time.Duration // with TooMany and Unavailable
}

// FieldError names a field of the input and the rule it breaks.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString(e.Message)
	for _, f := range e.Fields {
		text.WriteString(" " + f.Field + ": " + f.Message + ".")
	}
	return text.String()
}

// CodeOf returns the code of the Error in err's chain, or Internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// InvalidField is an error about a single field.
func InvalidField(field, message string) error {
	return InvalidFields([]FieldError{{Field: field, Message: message}})
}

// InvalidFields is an error about several fields.
func InvalidFields(fields []FieldError) error {
	return &Error{Code: Invalid, Message: "The input is not valid.", Fields: fields}
}

// ErrUnavailable says that a server we depend on cannot be reached now. Stores
// wrap it around the cause.
var ErrUnavailable = &Error{
	Code:       Unavailable,
	Message:    "The service is unavailable for a moment. Please try again.",
	RetryAfter: 2 * time.Second,
}
