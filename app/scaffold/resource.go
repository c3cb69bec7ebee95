package main

import (
	"embed"
	"errors"
	"fmt"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// resource is what the templates are given.
type resource struct {
	Module string
	one    name // supplier
	many   name // suppliers
	Fields []field
}

var (
	resourceName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{1,40}$`)
	importsEnd   = regexp.MustCompile(`\n[\n)]`) // of the first block
)

// newResource checks what the command line asks for.
func newResource(module, singularName, pluralName string, fieldTexts []string) (resource, error) {
	if !resourceName.MatchString(singularName) {
		return resource{}, fmt.Errorf(
			"%q is no name of a resource; one is like Supplier or PriceList: a singular, in Go's spelling", singularName)
	}
	r := resource{Module: module, one: newName(singularName)}
	r.many = name{plural(r.one.snake)}
	if pluralName != "" {
		r.many = newName(pluralName)
	}
	if r.many == r.one {
		return resource{}, fmt.Errorf("%s is singular and plural; say another plural with --plural", singularName)
	}
	if token.IsKeyword(r.Local()) || token.IsKeyword(r.Locals()) || slices.Contains(reservedSQL, r.many.snake) {
		return resource{}, fmt.Errorf("%q is a word of Go or SQL", singularName)
	}
	if len(fieldTexts) == 0 {
		return resource{}, fmt.Errorf("%s has no field; %s", singularName, fieldHelp)
	}
	var errs []error
	seen := make(map[string]bool)
	for _, text := range fieldTexts {
		f, err := parseField(text)
		if err == nil && seen[f.FormName()] {
			err = fmt.Errorf("field %q: %s stands twice", text, f.FormName())
		}
		seen[f.FormName()] = true
		r.Fields, errs = append(r.Fields, f), append(errs, err)
	}
	return r, errors.Join(errs...)
}

func (r resource) Type() string   { return r.one.Go() }
func (r resource) Types() string  { return r.many.Go() }
func (r resource) Local() string  { return r.one.Local() }
func (r resource) Locals() string { return r.many.Local() }
func (r resource) Word() string   { return r.one.Words() }
func (r resource) Words() string  { return r.many.Words() }
func (r resource) Table() string  { return r.many.snake }
func (r resource) Path() string   { return strings.ReplaceAll(r.many.snake, "_", "-") }

// Singular is the row's name in keys and files.
func (r resource) Singular() string { return r.one.snake }

// Article is the word's indefinite article.
func (r resource) Article() string {
	if strings.ContainsAny(r.one.snake[:1], "aeiou") {
		return "an"
	}
	return "a"
}

func (r resource) filter(keep func(field) bool) (kept []field) {
	for _, f := range r.Fields {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// Required, Uniques and Refs are some of the fields.
func (r resource) Required() []field { return r.filter(func(f field) bool { return f.Required }) }

// Uniques are the fields whose values no two rows share.
func (r resource) Uniques() []field { return r.filter(func(f field) bool { return f.Unique }) }

// Refs are the fields that refer to another table.
func (r resource) Refs() []field { return r.filter(func(f field) bool { return f.Kind == "ref" }) }

// Removable are the names of the fields that null removes.
func (r resource) Removable() string {
	var names []string
	for _, f := range r.filter(field.Removable) {
		names = append(names, strconv.Quote(f.Name.JSON()))
	}
	return wrap(names, "\t\t", 60)
}

func (r resource) each(text func(i int, f field) string) (parts []string) {
	for i, f := range r.Fields {
		parts = append(parts, text(i, f))
	}
	return parts
}

// wrap joins the parts by commas, on lines of about that width.
func wrap(parts []string, indent string, width int) string {
	var b strings.Builder
	line := 0
	for i, part := range parts {
		switch {
		case i > 0 && line+len(part) > width:
			b.WriteString(",\n" + indent)
			line = 0
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(part)
		line += len(part) + 2
	}
	return b.String()
}

// SelectList is what a statement reads of a row.
func (r resource) SelectList() string {
	columns := []string{"id"}
	for _, f := range r.Fields {
		columns = append(columns, f.Select())
	}
	text := wrap(append(columns, "row_version", "created_at", "updated_at"), "    ", 90)
	if strings.Contains(text, "\n") {
		return "\n    " + text
	}
	return text
}

// ColumnList are the columns of INSERT.
func (r resource) ColumnList() string {
	return wrap(r.each(func(_ int, f field) string { return f.Name.Column() }), "    ", 100)
}

// InsertList are the values of INSERT.
func (r resource) InsertList() string {
	return wrap(r.each(func(i int, f field) string { return f.Insert(i + 1) }), "    ", 100)
}

// UpdateList are the assignments of UPDATE; id and version come first.
func (r resource) UpdateList() string {
	return strings.Join(r.each(func(i int, f field) string { return f.Name.Column() + " = " + f.Update(i+3) }), ",\n    ")
}

// UpdateValues are the values that UPDATE assigns.
func (r resource) UpdateValues() string {
	return wrap(r.each(func(i int, f field) string { return f.Update(i + 3) }), "    ", 100)
}

// Arguments are the fields as the last arguments of a call.
func (r resource) Arguments() string {
	arguments := wrap(r.each(func(_ int, f field) string { return "f." + f.Name.Go() }), "\t\t\t", 90)
	if len(r.Fields) > 3 {
		return ",\n\t\t\t" + arguments
	}
	return ", " + arguments
}

// Differs is the condition that a row does not have the values of fields, in tests of the store.
func (r resource) Differs() string {
	parts := r.each(func(_ int, f field) string { return "after." + f.Name.Go() + " != *fields." + f.Name.Go() })
	return strings.ReplaceAll(wrap(parts, "\t\t", 90), ",", " ||")
}

// Body is a valid JSON body.
func (r resource) Body(n int) string {
	return "{" + strings.Join(r.each(func(_ int, f field) string {
		if f.Kind == "ref" {
			return `"` + f.Name.JSON() + `":1`
		}
		return `"` + f.Name.JSON() + `":` + f.Example(n)
	}), ",") + "}"
}

// TestValue is a pointer to the field's n-th value, in tests of the store.
func (f field) TestValue() string {
	switch {
	case f.Kind == "ref" && f.Refers.Table == "users":
		return `new(newUser(t, db, rand.Text()+"@example.com").ID)`
	case f.Kind == "ref":
		return "new(new" + f.Refers.Type.Go() + "(t, db, mathrand.IntN(1_000_000)).ID)"
	}
	return "new(" + f.Varied() + ")"
}

// AppValue is the field's n-th value, in tests of the program.
func (f field) AppValue() string {
	switch {
	case f.Kind == "ref" && f.Refers.Table == "users":
		return `c.s.user("user-"+strings.ToLower(rand.Text()), "member").ID`
	case f.Kind == "ref":
		return "c.new" + f.Refers.Type.Go() + "(mathrand.IntN(1_000_000)).ID"
	}
	return f.Varied()
}
