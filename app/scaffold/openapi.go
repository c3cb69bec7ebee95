package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const openapiPath = "handlers/openapi.json"

// document is a JSON text that is edited in place: objects keep their order and layout.
type document struct{ text string }

// span returns where the value at the path begins and ends. The last key may be absent.
func (d *document) span(path ...string) (start, end int, err error) {
	decoder := json.NewDecoder(strings.NewReader(d.text))
	if _, err := decoder.Token(); err != nil {
		return 0, 0, err
	}
	for depth, key := range path {
		found := false
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				return 0, 0, err
			}
			if token == key {
				found = true
				break
			}
			if err := decoder.Decode(new(json.RawMessage)); err != nil {
				return 0, 0, err
			}
		}
		if !found {
			return 0, 0, fmt.Errorf("%s has no %s: %w", openapiPath, strings.Join(path[:depth+1], "."), errUnknownShape)
		}
		if depth < len(path)-1 {
			if _, err := decoder.Token(); err != nil {
				return 0, 0, err
			}
		}
	}
	start = int(decoder.InputOffset())
	start += strings.IndexAny(d.text[start:], "{[\"")
	var value json.RawMessage
	if err := decoder.Decode(&value); err != nil {
		return 0, 0, err
	}
	return start, start + len(value), nil
}

// has reports whether there is a value at the path.
func (d *document) has(path ...string) bool {
	_, _, err := d.span(path...)
	return err == nil
}

// add puts members (or elements) at the end of the object (or list) at the path.
func (d *document) add(members string, path ...string) error {
	_, end, err := d.span(path...)
	if err != nil {
		return err
	}
	last := len(strings.TrimRight(d.text[:end-1], " \n\t")) // behind the last member
	d.text = d.text[:last] + ",\n" + strings.TrimRight(members, "\n") + d.text[last:]
	if !json.Valid([]byte(d.text)) {
		return fmt.Errorf("%s would not be JSON any more: %w", openapiPath, errUnknownShape)
	}
	return nil
}

// addShared adds the components that all resources share, where they are missing.
func (d *document) addShared() error {
	shared, err := templateFiles.ReadFile("templates/shared.json")
	if err != nil {
		return err
	}
	var components map[string]map[string]json.RawMessage
	if err := json.Unmarshal(shared, &components); err != nil {
		return err
	}
	for _, part := range slices.Sorted(maps.Keys(components)) {
		for _, key := range slices.Sorted(maps.Keys(components[part])) {
			if d.has("components", part, key) {
				continue
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, components[part][key], "      ", "  "); err != nil {
				return err
			}
			if err := d.add(fmt.Sprintf("      %q: %s", key, indented.String()), "components", part); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe adds the resource's routes to the document.
func (r resource) describe(text string, o options) (string, error) {
	d := &document{text}
	if err := d.addShared(); err != nil {
		return "", err
	}
	about := r.Title() + ": public to read, written by admins."
	tag := fmt.Sprintf(`    { "name": %q, "description": %q }`, r.Table(), about)
	if err := d.add(tag, "tags"); err != nil {
		return "", err
	}
	type part struct {
		template string
		path     []string
	}
	parts := []part{
		{"paths.json.tmpl", []string{"paths"}},
		{"responses.json.tmpl", []string{"components", "responses"}},
		{"schemas.json.tmpl", []string{"components", "schemas"}},
	}
	if o.Pages {
		parts = append(parts,
			part{"pages.json.tmpl", []string{"paths"}}, part{"form.json.tmpl", []string{"components", "schemas"}})
	}
	for _, part := range parts {
		members, err := render(part.template, r)
		if err != nil {
			return "", err
		}
		var added map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+members+"}"), &added); err != nil {
			return "", err
		}
		for key := range added {
			if d.has(append(slices.Clone(part.path), key)...) {
				return "", fmt.Errorf("%s has %s already; take another name", openapiPath, key)
			}
		}
		if err := d.add(members, part.path...); err != nil {
			return "", err
		}
	}
	return d.text, nil
}

// undescribe is the inverse of describe. What resources share goes with the last of them.
func (r resource) undescribe(text string, o options) (string, error) {
	d := &document{text}
	members := [][]string{
		{"paths", "/api/v1/" + r.Path()},
		{"paths", "/api/v1/" + r.Path() + "/{id}"},
		{"components", "responses", r.Type()},
		{"components", "schemas", r.Type()},
		{"components", "schemas", r.Type() + "Fields"},
		{"components", "schemas", "New" + r.Type()},
	}
	if o.Pages {
		for _, path := range []string{"", "/new", "/{id}", "/{id}/edit", "/{id}/delete"} {
			members = append(members, []string{"paths", "/" + r.Path() + path})
		}
		members = append(members, []string{"components", "schemas", r.Type() + "Form"})
	}
	for _, path := range members {
		if err := d.remove(path...); err != nil {
			return "", err
		}
	}
	d.text = regexp.MustCompile(`,\s*\{ "name": "`+r.Table()+`"[^}]*\}`).ReplaceAllLiteralString(d.text, "")
	for _, path := range [][]string{
		{"components", "responses", "UnchangedRow"}, {"components", "responses", "NoSuchRow"},
		{"components", "responses", "OldVersion"},
		{"components", "headers", "VersionTag"}, {"components", "parameters", "IfVersion"},
	} {
		if !strings.Contains(d.text, "#/"+strings.Join(path, "/")+`"`) {
			if err := d.remove(path...); err != nil {
				return "", err
			}
		}
	}
	return d.text, nil
}

// remove removes a member of an object that is not its first.
func (d *document) remove(path ...string) error {
	start, end, err := d.span(path...)
	if err != nil {
		return err
	}
	key := strings.LastIndex(d.text[:start], `"`+path[len(path)-1]+`"`)
	comma := strings.LastIndexByte(d.text[:key], ',')
	if strings.TrimSpace(d.text[comma+1:key]) != "" {
		return fmt.Errorf("%s: %s is the first of its object: %w", openapiPath, strings.Join(path, "."), errUnknownShape)
	}
	d.text = d.text[:comma] + d.text[end:]
	return nil
}
