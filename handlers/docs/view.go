package docs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"example.com/prefab/handlers/rest"
)

// view is what the template gets.
type view struct {
	Title, Summary, Description string
	Groups                      []group
	Errors                      []answer // those that operations share
	ErrorForms                  []content
	Schemes                     map[string]scheme
}

type group struct {
	Name, Description string
	Operations        []operationView
}

type operationView struct {
	ID, Method, Path, Summary, Description string
	Who                                    []identity // nobody in particular: all
	Params                                 []row
	Body                                   []content
	Answers                                []answer
}

// identity is what a caller can identify itself by.
type identity struct {
	Scheme string
	Roles  string
}

// content is a body of one type. One that may be of several schemas has a table for each.
type content struct {
	Type     string
	Tables   [][]row
	Examples []string
}

// IsForm tells whether a browser's form sends it.
func (c content) IsForm() bool { return c.Type == "application/x-www-form-urlencoded" }

// Whole is the one row of a value without fields.
func (c content) Whole() *row {
	if len(c.Tables) == 1 && len(c.Tables[0]) == 1 && c.Tables[0][0].Name == "" {
		return &c.Tables[0][0]
	}
	return nil
}

// IsProblem tells whether it is an error by RFC 9457.
func (c content) IsProblem() bool { return c.Type == rest.ProblemType }

type answer struct {
	Status, Says string
	Shared       string // the name of the component, of an error that operations share
	Headers      []row
	Contents     []content
}

// IsError tells whether the status is none of success.
func (a answer) IsError() bool { return a.Status >= "400" }

// read makes the view of a document.
func read(text []byte) (view, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return view{}, err
	}
	v := view{Title: d.Info.Title, Summary: d.Info.Summary, Description: d.Info.Description}
	v.Schemes = d.Components.SecuritySchemes
	for _, tag := range d.Tags {
		v.Groups = append(v.Groups, group{Name: tag.Name, Description: tag.Description})
	}
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, op := range d.Paths[path].operations() {
			v.add(d.operation(method, path, op), op.Tags)
		}
	}
	slices.SortFunc(v.Errors, func(a, b answer) int {
		return cmp.Or(strings.Compare(a.Status, b.Status), strings.Compare(a.Shared, b.Shared))
	})
	if len(v.Errors) > 0 {
		v.ErrorForms = v.Errors[0].Contents
	}
	return v, nil
}

// add puts an operation into its group, and its errors with the others.
func (v *view) add(op operationView, tags []string) {
	i := slices.IndexFunc(v.Groups, func(g group) bool { return slices.Contains(tags, g.Name) })
	if i < 0 {
		i = len(v.Groups)
		v.Groups = append(v.Groups, group{Name: strings.Join(tags, ", ")})
	}
	v.Groups[i].Operations = append(v.Groups[i].Operations, op)
	for _, a := range op.Answers {
		known := slices.ContainsFunc(v.Errors, func(other answer) bool { return other.Shared == a.Shared })
		if a.Shared != "" && !known {
			v.Errors = append(v.Errors, a)
		}
	}
}

func (d *document) operation(method, path string, op *operation) operationView {
	v := operationView{
		ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description,
		Body: d.contents(op.RequestBody.Content, false),
	}
	for _, requirement := range op.Security {
		for _, name := range slices.Sorted(maps.Keys(requirement)) {
			v.Who = append(v.Who, identity{name, strings.Join(requirement[name], ", ")})
		}
	}
	for _, p := range op.Parameters {
		p = resolve(d.Components.Parameters, p.Ref, p)
		r := d.rows(p.Schema, false)[0]
		r.Name, r.In, r.Required, r.Example = p.Name, p.In, p.Required, plain(p.Example)
		r.Description = cmp.Or(p.Description, r.Description)
		v.Params = append(v.Params, r)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		v.Answers = append(v.Answers, d.answer(status, op.Responses[status]))
	}
	return v
}

func (d *document) answer(status string, of *response) answer {
	a := answer{Status: status}
	if whole := resolve(d.Components.Responses, of.Ref, of); whole != of {
		if a.IsError() {
			a.Shared = nameOf(of.Ref)
		}
		of = whole
	}
	a.Says, a.Contents = of.Description, d.contents(of.Content, true)
	for _, name := range slices.Sorted(maps.Keys(of.Headers)) {
		h := resolve(d.Components.Headers, of.Headers[name].Ref, of.Headers[name])
		r := d.rows(h.Schema, false)[0]
		r.Name, r.Optional, r.Example = name, !h.Required, plain(h.Example)
		r.Description = cmp.Or(h.Description, r.Description)
		a.Headers = append(a.Headers, r)
	}
	return a
}

func (d *document) contents(all map[string]media, answered bool) (contents []content) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		c := content{Type: name}
		if inner, _ := d.notNull(m.Schema); len(d.whole(inner).AnyOf) > 0 {
			for _, choice := range d.whole(inner).AnyOf {
				c.Tables = append(c.Tables, d.rows(choice, answered))
			}
		} else {
			c.Tables = append(c.Tables, d.rows(m.Schema, answered))
		}
		if m.Example != nil {
			c.Examples = append(c.Examples, indented(m.Example))
		}
		for _, name := range slices.Sorted(maps.Keys(m.Examples)) {
			c.Examples = append(c.Examples, indented(m.Examples[name].Value))
		}
		contents = append(contents, c)
	}
	return contents
}

func indented(example json.RawMessage) string {
	var text bytes.Buffer
	if json.Indent(&text, example, "", "  ") != nil {
		return string(example)
	}
	return text.String()
}
