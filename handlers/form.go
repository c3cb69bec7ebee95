package handlers

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

// form is what somebody has filled in on a page, and what is wrong with it. A form
// that is refused is shown again, with all that was filled in.
type form struct {
	Message string // about the whole; "" while nothing is wrong
	First   string // the field with a fault where the reader goes on; "": there is none
	status  int    // of the answer then

	values map[string]string
	errors map[string]string
	names  []string
}

// field is one field of a form, for a template.
type field struct {
	Name, Value, Error string
	First              bool // of the fields with an error
}

// newForm returns a form with these values, name and value in turn.
func newForm(pairs ...string) *form {
	f := &form{values: map[string]string{}, errors: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.names = append(f.names, pairs[i])
		f.values[pairs[i]] = pairs[i+1]
	}
	return f
}

// readForm reads the fields of those names from a posted form; one that was not
// sent is empty. A form in which one was sent twice is refused: our pages send none.
func readForm(c *fiber.Ctx, names ...string) (*form, error) {
	if err := checkContentType(c, []string{fiber.MIMEApplicationForm}); err != nil {
		return nil, err
	}
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	// Not c.FormValue: Fiber keeps the memory that a body of a million names takes.
	sent, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errBadForm
	}
	f := newForm()
	f.names = names
	for _, name := range names {
		value := sent.Get(name)
		if len(sent[name]) > 1 || !utf8.ValidString(value) {
			return nil, errBadForm
		}
		f.values[name] = strings.ReplaceAll(value, "\r\n", "\n") // as browsers send what is "\n" to them
	}
	return f, nil
}

var errBadForm = &problem.Error{Code: problem.Malformed, Message: "The form cannot be read."}

// Field returns a field for a template.
func (f *form) Field(name string) field {
	return field{Name: name, Value: f.values[name], Error: f.errors[name], First: name == f.First}
}

func (f *form) text(name string) *string { return new(f.values[name]) }

// number is nil for an empty field, and notes what is no number. Of a number that is
// too large it gives the largest, which the rules refuse in their own words.
func (f *form) number(name string) *int64 {
	text := strings.TrimSpace(f.values[name])
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) || text[0] == '+' {
		f.errors[name] = "must be a whole number"
		return nil
	}
	return &n
}

// cents reads an amount of up to most cents, such as "12.5", and notes what is none.
// It is nil for an empty field.
func (f *form) cents(name string, most int64) *int64 {
	text := strings.TrimSpace(f.values[name])
	if text == "" {
		return nil
	}
	whole, part, dotted := strings.Cut(text, ".")
	for len(part) < 2 {
		part += "0"
	}
	n, err := strconv.ParseUint(whole+part, 10, 63)
	switch {
	case whole == "" || len(part) > 2 || dotted && strings.HasSuffix(text, ".") || errors.Is(err, strconv.ErrSyntax):
		f.errors[name] = "must be an amount such as 12.50"
	case err != nil || int64(n) > most:
		f.errors[name] = fmt.Sprintf("must be from 0.00 to %d.%02d", most/100, most%100)
	default:
		return new(int64(n))
	}
	return nil
}

// require notes which of the fields are empty.
func (f *form) require(names ...string) {
	for _, name := range names {
		if strings.TrimSpace(f.values[name]) == "" {
			f.errors[name] = "is required"
		}
	}
}

// check notes which of the fields break a rule. Without it the rules would be asked
// only once all fields can be read, and half of what is wrong shown after the other.
func (f *form) check(broken error) {
	ours, _ := errors.AsType[*problem.Error](broken)
	if ours == nil {
		return
	}
	for _, wrong := range ours.Fields {
		if _, ok := f.values[wrong.Field]; ok && f.errors[wrong.Field] == "" {
			f.errors[wrong.Field] = wrong.Message
		}
	}
}

// submit calls do with the form, unless that has a fault already, and reports
// whether it was done. An error is one that the form cannot show; those that it can
// are noted in it.
func (f *form) submit(c *fiber.Ctx, do func() error) (done bool, err error) {
	if len(f.errors) == 0 {
		if err = do(); err == nil {
			return true, nil
		}
	} else {
		err = problem.InvalidFields(nil)
	}
	switch problem.CodeOf(err) {
	case problem.Invalid, problem.Conflict, problem.Stale, problem.Unauthenticated, problem.TooMany:
	default:
		return false, err // is no fault of what was filled in
	}
	f.note(c, err)
	return false, nil
}

func (f *form) note(c *fiber.Ctx, err error) {
	problem, retryAfter := problemOf(err)
	f.Message, f.status = problem.Detail, problem.Status
	setRetryAfter(c, retryAfter)
	c.Set(fiber.HeaderCacheControl, "no-store")
	for _, wrong := range problem.Errors {
		if _, ok := f.values[wrong.Field]; ok {
			f.errors[wrong.Field] = wrong.Message
		} else {
			f.Message += " " + wrong.Field + " " + wrong.Message + "." // it is on no field of this form
		}
	}
	for _, name := range f.names {
		if f.errors[name] != "" {
			f.First = name
			break
		}
	}
}
