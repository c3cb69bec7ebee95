package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
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
		return nil, fmt.Errorf("no resource %q was generated here; %s lists those that were", singularName, recordsPath)
	}
	rec := &list[at]
	if len(texts) == 0 {
		return nil, fmt.Errorf("say which field: generate field %s phone:string?; %s", singularName, fieldHelp)
	}
	old, err := newResource(module, rec.Resource, rec.plural(), rec.Fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recordsPath, err)
	}
	fields := slices.Clone(rec.Fields)
	for _, text := range texts {
		definition, _, _ := strings.Cut(text, "=")
		fields = append(fields, definition)
	}
	now, err := newResource(module, rec.Resource, rec.plural(), fields)
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
	first := added.Fields[0].Name.Column()
	path := fmt.Sprintf("repositories/migrations/%05d_add_%s%s_to_%s.sql", number, first, more, added.Table())
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
			return fmt.Errorf("field %s: %s refers to %s in turn, so tests could make no row of either; "+
				"write this field by hand", f.Name.JSON(), f.Refers.Table, r.Table())
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
