package problem

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBroken is how many broken rules are told: a list may break any number.
const maxBroken = 100

// Rules collects the rules that an input breaks, so that a caller learns of all of them
// at once. It can also tell them, for a document.
type Rules struct {
	broken   []FieldError
	partial  bool // required fields may be missing
	describe bool
	limits   []Limit
	at       string // the object or item that is checked, such as "items[2]"; "" is the input itself
}

// Limit is what a rule wants of a field. Line and URL are also told as the Text that they
// begin with. Fields of items are named as items[].quantity.
type Limit struct {
	Field, Rule string // the rule by its method: "Require", "Text", "Line", "Between", "OneOf", "Date", "URL" or "Count"
	Low, High   int64
	OneOf       []string
}

// Check returns an error that names every rule that is broken, or nil.
func Check(rules func(*Rules)) error {
	var r Rules
	rules(&r)
	return r.Err()
}

// CheckGiven is Check of a change: required fields may be missing.
func CheckGiven(rules func(*Rules)) error {
	r := Rules{partial: true}
	rules(&r)
	return r.Err()
}

// Limits returns what the rules want. They must not depend on the values that they check.
func Limits(rules func(*Rules)) []Limit {
	r := Rules{describe: true}
	rules(&r)
	return r.limits
}

func (r *Rules) note(l Limit) {
	if r.describe {
		l.Field = r.path(l.Field)
		r.limits = append(r.limits, l)
	}
}

// Require requires that the field is given.
func (r *Rules) Require(field string, given bool) {
	if r.partial {
		return
	}
	r.note(Limit{Field: field, Rule: "Require"})
	r.Check(given, field, "is required")
}

// Check adds the message for the field, unless ok.
func (r *Rules) Check(ok bool, field, message string) {
	if !ok && len(r.broken) < maxBroken {
		r.broken = append(r.broken, FieldError{Field: r.path(field), Message: message})
	}
}

// Text requires low to high characters, with a visible one among them if low is not 0.
func (r *Rules) Text(field, value string, low, high int) {
	r.note(Limit{Field: field, Rule: "Text", Low: int64(low), High: int64(high)})
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
	r.note(Limit{Field: field, Rule: "Line"})
	before := len(r.broken)
	r.Text(field, value, low, high)
	r.Check(len(r.broken) > before || !strings.ContainsAny(value, "\n\r\t"), field, "must be a single line")
}

// Between requires a value from low to high.
func (r *Rules) Between(field string, value, low, high int64) {
	r.note(Limit{Field: field, Rule: "Between", Low: low, High: high})
	r.Check(value >= low && value <= high, field, fmt.Sprintf("must be from %d to %d", low, high))
}

// OneOf requires one of some texts.
func (r *Rules) OneOf(field, value string, allowed ...string) {
	r.note(Limit{Field: field, Rule: "OneOf", OneOf: allowed})
	r.Check(slices.Contains(allowed, value), field, "must be one of "+strings.Join(allowed, ", "))
}

// Date requires a day of the calendar, YYYY-MM-DD.
func (r *Rules) Date(field, value string) {
	r.note(Limit{Field: field, Rule: "Date"})
	_, err := time.Parse(time.DateOnly, value)
	r.Check(err == nil, field, "must be a day such as 2026-01-31")
}

// URL requires an absolute http or https URL of up to high characters.
func (r *Rules) URL(field, value string, high int) {
	r.note(Limit{Field: field, Rule: "URL"})
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
