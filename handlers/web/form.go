package web

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
	"example.com/prefab/services/problem"
)

// Form holds the fields of a form on a page, and what is wrong with them.
type Form struct {
	Message      string // about the whole form; "" while nothing is wrong
	FirstInvalid string // the first field with an error, for the focus; "": there is none
	Status       int    // of the answer that shows a refused form

	values map[string]string
	errors map[string]string
	names  []string
}

// Field is one field of a form, for a template.
type Field struct {
	Name, Value, Error string
	First              bool // of the fields with an error
}

// NewForm returns a form with these values, name and value in turn.
func NewForm(pairs ...string) *Form {
	f := &Form{values: map[string]string{}, errors: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.names = append(f.names, pairs[i])
		f.values[pairs[i]] = pairs[i+1]
	}
	return f
}

// ReadForm reads the fields of those names from a posted form. A field that was not sent
// is empty. One that was sent twice is an error: our pages do not send that.
func ReadForm(c *fiber.Ctx, names ...string) (*Form, error) {
	if err := rest.CheckContentType(c, fiber.MIMEApplicationForm); err != nil {
		return nil, err
	}
	body, err := rest.ReadBody(c)
	if err != nil {
		return nil, err
	}
	// Not c.FormValue: Fiber never frees the memory that a body of a million names takes.
	sent, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, ErrBadForm
	}
	f := NewForm()
	f.names = names
	for _, name := range names {
		value := sent.Get(name)
		if len(sent[name]) > 1 || !utf8.ValidString(value) {
			return nil, ErrBadForm
		}
		f.values[name] = strings.ReplaceAll(value, "\r\n", "\n") // browsers send each "\n" so
	}
	return f, nil
}

// ErrBadForm says that no page of ours sends such a form.
var ErrBadForm = &problem.Error{Code: problem.Malformed, Message: "The form cannot be read."}

// Field returns a field for a template.
func (f *Form) Field(name string) Field {
	return Field{Name: name, Value: f.values[name], Error: f.errors[name], First: name == f.FirstInvalid}
}

// Value returns a field as it was filled in.
func (f *Form) Value(name string) string { return f.values[name] }

// Set gives a field that is shown and not sent a value.
func (f *Form) Set(name, value string) { f.values[name] = value }

// Text returns a field's value; it is never nil.
func (f *Form) Text(name string) *string { return new(f.values[name]) }

// Number reads a whole number. It is nil for an empty field, and for one that is not a
// number, which is an error of the field. A number that is too large becomes the largest
// int64, so that the rule of the service tells the real limit.
func (f *Form) Number(name string) *int64 {
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

// Digits is a number as a form shows it, and "" for 0, which stands for none.
func Digits(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Amount is an amount of cents as Cents reads it: 12.50.
func Amount(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// Cents reads an amount of up to highest cents, such as "12.5". It is nil for an empty
// field, and for one that is not an amount, which is an error of the field.
func (f *Form) Cents(name string, highest int64) *int64 {
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
	case err != nil || int64(n) > highest:
		f.errors[name] = fmt.Sprintf("must be from 0.00 to %d.%02d", highest/100, highest%100)
	default:
		return new(int64(n))
	}
	return nil
}

// Require makes it an error if one of the fields is empty.
func (f *Form) Require(names ...string) {
	for _, name := range names {
		if strings.TrimSpace(f.values[name]) == "" {
			f.errors[name] = "is required"
		}
	}
}

// Check adds the errors of a validation to the fields. Call it before Submit, so that
// the page shows fields that cannot be read and fields that break a rule at once.
func (f *Form) Check(invalid error) {
	e, _ := errors.AsType[*problem.Error](invalid)
	if e == nil {
		return
	}
	for _, wrong := range e.Fields {
		if _, ok := f.values[wrong.Field]; ok && f.errors[wrong.Field] == "" {
			f.errors[wrong.Field] = wrong.Message
		}
	}
}

// Submit calls do, unless a field has an error already, and reports whether it was
// done. An error that the user can correct is stored in the form, which is then to be
// shown again with its Status; others are returned.
func (f *Form) Submit(c *fiber.Ctx, do func() error) (done bool, err error) {
	if len(f.errors) == 0 {
		if err = do(); err == nil {
			return true, nil
		}
	} else {
		err = problem.InvalidFields(nil)
	}
	switch problem.CodeOf(err) {
	case problem.Invalid, problem.Conflict, problem.Stale, problem.Unauthenticated, problem.TooMany:
		f.store(rest.Describe(c, err))
		return false, nil
	default:
		return false, err
	}
}

func (f *Form) store(p rest.Problem) {
	f.Message, f.Status = p.Detail, p.Status
	for _, wrong := range p.Errors {
		if _, ok := f.values[wrong.Field]; ok {
			f.errors[wrong.Field] = wrong.Message
		} else {
			f.Message += " " + wrong.Field + " " + wrong.Message + "." // it is not a field of this form
		}
	}
	for _, name := range f.names {
		if f.errors[name] != "" {
			f.FirstInvalid = name
			break
		}
	}
}
