// Package problem holds the errors that a caller can understand, and the rules that check
// input. It promises that an error's message is safe to show, that a caller learns of all
// invalid fields at once, and that no text with invisible or misleading characters passes.
// Handlers turn the errors into RFC 9457 problems.
//
//	var ErrNoLamp = &problem.Error{Code: problem.NotFound, Message: "No such lamp."}
//
//	func (f LampFields) Rules(r *problem.Rules) {
//		r.Line("name", f.Name, 1, 100)
//		r.Between("watts", f.Watts, 1, 2000)
//		r.Require("roomId", f.RoomID != nil)
//		r.Count("bulbs", len(f.Bulbs), 1, 10)
//		r.Each("bulbs", len(f.Bulbs), func(i int, r *problem.Rules) { // bulbs[2].color
//			r.OneOf("color", f.Bulbs[i].Color, "warm", "cold")
//		})
//	}
//
//	err := problem.Check(f.Rules) // nil if nothing is wrong
package problem

import (
	"errors"
	"strings"
	"time"
)

// Code classifies an Error, so that HTTP and the command line can each answer in their
// own way.
type Code int

// The codes, from the caller's mistakes to ours.
const (
	Internal         Code = iota // a fault of ours; its message is never shown
	Malformed                    // the input cannot be read at all
	Invalid                      // the input breaks a rule; Fields says which
	UnsupportedMedia             // the input is in a format that we do not accept
	Unauthenticated              // nobody is signed in, or the credentials are wrong
	Forbidden                    // the user may not do this
	NotFound                     // absent, or hidden from this user
	Conflict                     // the state does not allow it
	Stale                        // the caller's copy is no longer the current one
	TooMany                      // a limit on attempts is reached; RetryAfter says for how long
	Unavailable                  // a server that we depend on is down; trying again helps
)

// Error is a failure that the caller can understand. Its message is safe to show to
// users. Wrap it together with the cause, which is for the logs.
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

// ErrUnavailable says that a server that we depend on cannot be reached now. Stores wrap
// it together with the cause.
var ErrUnavailable = &Error{
	Code:       Unavailable,
	Message:    "The service is unavailable for a moment. Please try again.",
	RetryAfter: 2 * time.Second,
}
