package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// planField adds fields to a resource that was generated. It makes the resource's files
// with and without these fields, and merges the difference into the files that are here.
func planField(singularName string, texts []string) (*plan, error) {
	module, err := modulePath()
	if err != nil {
		return nil, err
	}
	p := newPlan()
	list, err := p.records()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(list, func(rec record) bool { return rec.Resource == singularName })
	if at < 0 {
		return nil, fmt.Errorf("no resource %q was generated here; prefab.generated.json lists those that were", singularName)
	}
	rec := &list[at]
	if len(texts) == 0 {
		return nil, fmt.Errorf("say which field: generate field %s phone:string?; %s", singularName, fieldHelp)
	}
	old, err := newResource(module, rec.Resource, rec.Plural, rec.Fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recordsPath, err)
	}
	fields := slices.Clone(rec.Fields)
	for _, text := range texts {
		definition, _, _ := strings.Cut(text, "=")
		fields = append(fields, definition)
	}
	now, err := newResource(module, rec.Resource, rec.Plural, fields)
	if err != nil {
		return nil, err
	}
	added := now
	added.Fields = slices.Clone(now.Fields[len(old.Fields):])
	for i, text := range texts {
		_, value, given := strings.Cut(text, "=")
		if added.Fields[i].Existing, err = added.Fields[i].existing(text, value, given); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(list.checkReferences(old), list.checkReferences(now), list.checkCircles(added)); err != nil {
		return nil, err
	}
	if err := p.addColumns(added, rec); err != nil {
		return nil, err
	}
	if err := p.mergeFiles(old, now, rec); err != nil {
		return nil, err
	}
	rec.Fields = fields
	p.whole = true
	p.done = "Now run `make test-quick`; the program migrates at its next start."
	return p, p.save(list)
}

// addColumns writes the migration.
func (p *plan) addColumns(added resource, rec *record) error {
	number, err := nextMigration()
	if err != nil {
		return err
	}
	more := ""
	if len(added.Fields) > 1 {
		more = "_and_more"
	}
	text, err := render("field.sql.tmpl", added)
	if err != nil {
		return err
	}
	path := fmt.Sprintf("repositories/migrations/%05d_add_%s%s_to_%s.sql", number, added.Fields[0].Name.Column(), more, added.Table())
	rec.Files[path] = sum(text)
	return p.create(file{path, text})
}

// mergeFiles brings the files of the resource from its old fields to those of now.
func (p *plan) mergeFiles(old, now resource, rec *record) error {
	before, err := old.files(0, rec.options)
	if err != nil {
		return err
	}
	after, err := now.files(0, rec.options)
	if err != nil {
		return err
	}
	for i := 1; i < len(after); i++ { // the first is the migration, which may be applied
		path := after[i].path
		here, err := p.read(path)
		if errors.Is(err, os.ErrNotExist) || err == nil && before[i].text == after[i].text {
			continue // the user has removed it, or it names no field
		}
		if err != nil {
			return err
		}
		if err := p.merge(path, before[i].text, after[i].text); err != nil {
			return err
		}
		// The sum of a file that the user has changed stays, so that it is not destroyed.
		if merged, done := p.after[path]; done && rec.Files[path] == sum(here) {
			rec.Files[path] = sum(merged)
		}
	}
	return nil
}

// checkCircles refuses a reference to a table that itself needs rows of the resource's:
// tests could not make the first row.
func (l records) checkCircles(r resource) error {
	for _, f := range r.Refs() {
		if l.refers(f.Refers.Table, r.Table()) {
			return fmt.Errorf("field %s: %s refers to %s in turn, so tests could make no row of either; write this field by hand",
				f.Name.JSON(), f.Refers.Table, r.Table())
		}
	}
	return nil
}

// refers reports whether a table is another one, or refers to it over any number of steps.
func (l records) refers(table, other string) bool {
	if table == other {
		return true
	}
	at := slices.IndexFunc(l, func(rec record) bool { return rec.Table == table })
	return at >= 0 && slices.ContainsFunc(l[at].Fields, func(text string) bool {
		f, err := parseField(text)
		return err == nil && f.Refers != nil && l.refers(f.Refers.Table, other)
	})
}

// existing returns the value, in SQL, of the field in rows that exist: what stands behind
// the = in phone:string!=unknown.
func (f field) existing(text, value string, given bool) (string, error) {
	definition, _, _ := strings.Cut(text, "=")
	switch {
	case f.Unique && (f.Required || given):
		optional := strings.NewReplacer("!", "", "?", "", ":unique", "?:unique").Replace(definition)
		return "", fmt.Errorf("field %q: all rows that exist would have the same value; make it optional: '%s'", text, optional)
	case f.Required && !given:
		return "", fmt.Errorf("field %q: say the value for rows that exist, as in '%s=%s'", text, definition, f.valid())
	case !given:
		return "", nil
	}
	literal, fault := f.literal(value)
	if fault != "" {
		return "", fmt.Errorf("field %q: the value for rows that exist %s, as in '%s=%s'", text, fault, definition, f.valid())
	}
	return literal, nil
}

// valid is a value that an error may suggest.
func (f field) valid() string {
	switch f.Kind {
	case "int", "money":
		return strconv.FormatInt(f.Low, 10)
	case "ref":
		return "1"
	case "date":
		return "2026-01-31"
	case "enum":
		return f.Options[0]
	case "url":
		return "https://example.com"
	case "bool":
		return "true"
	}
	return "unknown"
}

// literal is a value in SQL. It keeps the field's rule, or fault says what is wrong.
func (f field) literal(value string) (literal, fault string) {
	n, err := strconv.ParseInt(value, 10, 64)
	high := map[string]int{"string": 200, "text": 5000, "url": 500}[f.Kind]
	switch f.Kind {
	case "int", "money":
		if err != nil || n < f.Low || n > f.High {
			return "", fmt.Sprintf("must be a whole number from %d to %d", f.Low, f.High)
		}
		return strconv.FormatInt(n, 10), ""
	case "ref":
		if err != nil || n <= 0 {
			return "", "must be the id of a row of " + f.Refers.Table
		}
		return strconv.FormatInt(n, 10), ""
	case "bool":
		if value != "true" && value != "false" {
			return "", "must be true or false"
		}
		return value, ""
	case "date":
		if day, err := time.Parse(time.DateOnly, value); err != nil || day.Year() < 1 {
			return "", "must be a day"
		}
	case "enum":
		if !slices.Contains(f.Options, value) {
			return "", "must be one of " + strings.Join(f.Options, ", ")
		}
	case "url":
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", "must be an http or https URL"
		}
	}
	isOdd := func(r rune) bool { return !unicode.IsPrint(r) } // a line break, or a character that the rules refuse
	switch {
	case strings.TrimSpace(value) == "":
		return "", "must not be empty"
	case high > 0 && utf8.RuneCountInString(value) > high || !utf8.ValidString(value) || strings.ContainsFunc(value, isOdd):
		return "", fmt.Sprintf("must be a single line of up to %d characters", high)
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'", ""
}
