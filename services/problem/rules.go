package problem

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Rules collects every rule that an input breaks, so that a caller learns of all of them
// at once.
type Rules struct{ broken []FieldError }

// Check adds the message for the field, unless ok.
func (r *Rules) Check(ok bool, field, message string) {
	if !ok {
		r.broken = append(r.broken, FieldError{Field: field, Message: message})
	}
}

// Text requires low to high characters, with a visible one among them if low is not 0.
func (r *Rules) Text(field, value string, low, high int) {
	n := utf8.RuneCountInString(strings.TrimSpace(value))
	switch {
	case n < low && low == 1:
		r.Check(false, field, "must not be empty")
	case n < low || utf8.RuneCountInString(value) > high:
		r.Check(false, field, fmt.Sprintf("must have %d to %d characters", low, high))
	default:
		fault := textFault(value)
		if fault == "" && low > 0 && !strings.ContainsFunc(value, isVisible) {
			fault = "must have a visible character"
		}
		r.Check(fault == "", field, fault)
	}
}

// Line requires Text without line breaks and tabs, as a one-line field of a form has it.
func (r *Rules) Line(field, value string, low, high int) {
	before := len(r.broken)
	r.Text(field, value, low, high)
	r.Check(len(r.broken) > before || !strings.ContainsAny(value, "\n\r\t"), field, "must be a single line")
}

// Between requires a value from low to high.
func (r *Rules) Between(field string, value, low, high int64) {
	r.Check(value >= low && value <= high, field, fmt.Sprintf("must be from %d to %d", low, high))
}

// OneOf requires one of some texts.
func (r *Rules) OneOf(field, value string, allowed ...string) {
	r.Check(slices.Contains(allowed, value), field, "must be one of "+strings.Join(allowed, ", "))
}

// Date requires a day of the calendar, YYYY-MM-DD.
func (r *Rules) Date(field, value string) {
	_, err := time.Parse(time.DateOnly, value)
	r.Check(err == nil, field, "must be a day such as 2026-01-31")
}

// URL requires an absolute http or https URL of up to high characters.
func (r *Rules) URL(field, value string, high int) {
	before := len(r.broken)
	r.Line(field, value, 1, high)
	u, err := url.Parse(value)
	ok := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	r.Check(len(r.broken) > before || ok, field, "must be an http or https URL")
}

// Err returns an error with all broken rules, or nil without any.
func (r *Rules) Err() error {
	if len(r.broken) == 0 {
		return nil
	}
	return InvalidFields(r.broken)
}
