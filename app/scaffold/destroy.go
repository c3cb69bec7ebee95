package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"os"
	"slices"
	"strings"
)

// recordsPath lists what was generated, so that it can be removed and referred to.
const recordsPath = "prefab.generated.json"

// record is a resource that was generated.
type record struct {
	Resource string   `json:"resource"`
	Plural   string   `json:"plural,omitempty"`
	Table    string   `json:"table"`
	Fields   []string `json:"fields"`
	options
	Files map[string]string `json:"files"` // path to SHA-256
}

type records []record

func newRecord(r resource, singularName, pluralName string, fields []string, o options, files []file) record {
	rec := record{
		Resource: singularName, Plural: pluralName, Table: r.Table(), Fields: fields, options: o,
		Files: make(map[string]string),
	}
	for _, f := range files {
		rec.Files[f.path] = sum(f.text)
	}
	return rec
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

func (p *plan) records() (list records, err error) {
	text, err := p.read(recordsPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list, json.Unmarshal([]byte(text), &list)
}

func (p *plan) save(list records) error {
	if len(list) == 0 {
		p.after[recordsPath] = ""
		return nil
	}
	text, err := json.MarshalIndent(list, "", "  ")
	p.after[recordsPath] = string(text) + "\n"
	return err
}

// checkReferences refuses references to tables of which the tests could make no row.
func (l records) checkReferences(r resource) error {
	for _, f := range r.Refs() {
		table := f.Refers.Table
		at := slices.IndexFunc(l, func(rec record) bool { return rec.Table == table })
		switch {
		case at >= 0:
			f.Refers.Type = newName(l[at].Resource) // the plural may be irregular
		case table != "users":
			return fmt.Errorf("field %s: %q is neither users nor the table of a generated resource", f.Name.JSON(), table)
		}
	}
	return nil
}

// planDestroy removes a resource that was generated and has not changed since.
func planDestroy(singularName string) (*plan, error) {
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
		return nil, fmt.Errorf("no resource %q was generated here", singularName)
	}
	rec := list[at]
	for _, other := range list {
		if slices.ContainsFunc(other.Fields, func(f string) bool { return strings.Contains(f, "("+rec.Table+")") }) {
			return nil, fmt.Errorf("%s refers to %s; destroy that first", other.Resource, singularName)
		}
	}
	var changed []string
	for path, digest := range rec.Files {
		text, err := p.read(path)
		if err != nil || sum(text) != digest {
			changed = append(changed, path)
		}
		p.after[path] = ""
	}
	if len(changed) > 0 {
		slices.Sort(changed)
		return nil, fmt.Errorf("these files have changed since they were generated, so nothing is removed: %s",
			strings.Join(changed, ", "))
	}
	r, err := newResource(module, rec.Resource, rec.Plural, rec.Fields)
	if err != nil {
		return nil, err
	}
	if err := p.unwire(r, rec.options); err != nil {
		return nil, err
	}
	p.done = "If a database has its table already: the migration is gone, so drop the table by hand or by a new migration."
	return p, p.save(slices.Delete(list, at, at+1))
}

// unwire is the inverse of wire.
func (p *plan) unwire(r resource, o options) error {
	w := r.wiring(o)
	fn, err := parseGo("", "package p\nfunc f() {\n"+w.store+"\n}")
	if err != nil {
		return err
	}
	body, err := fn.function("f")
	if err != nil {
		return err
	}
	err = p.editGo(appPath, "remove: "+w.store, func(f *goFile) error {
		for _, s := range body.Body.List {
			if err := f.remove(fn.source(s)); err != nil {
				return err
			}
		}
		for _, element := range w.elements {
			if err := f.remove(element); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = p.editGo(routesPath, "remove: "+strings.Join(w.routes, "\n"), func(f *goFile) error {
		for _, text := range slices.Concat(w.routes, w.pages, w.fields) {
			if err := f.remove(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.editGo(apiPath, "remove: "+strings.Join(w.groups, ",\n"), func(f *goFile) error {
		for _, group := range w.groups {
			if err := f.remove(group); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *goFile) source(n ast.Node) string { return f.text[f.offset(n.Pos()):f.offset(n.End())] }

// remove removes the statement, field or element that has this text, whatever its spaces.
func (f *goFile) remove(text string) error {
	var found ast.Node
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n.(type) {
		case ast.Stmt, *ast.Field, *ast.KeyValueExpr, *ast.CallExpr:
			if found == nil && squeeze(f.source(n)) == squeeze(text) {
				found = n
			}
		}
		return found == nil
	})
	if found == nil {
		return f.unknown("text " + text)
	}
	from, to := f.offset(found.Pos()), f.offset(found.End())
	from = strings.LastIndexByte(f.text[:from], '\n') + 1
	if strings.HasPrefix(f.text[to:], ",") {
		to++
	}
	if strings.HasPrefix(f.text[to:], "\n") {
		to++
	}
	return f.replace(from, to, "")
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }
