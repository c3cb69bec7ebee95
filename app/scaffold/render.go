package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// render fills a template. Go code is formatted, and its imports are those that it uses.
func render(templateName string, data any) (string, error) {
	t, err := template.ParseFS(templateFiles, "templates/"+templateName)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	if strings.HasSuffix(templateName, ".html.tmpl") { // the page's own actions
		return strings.NewReplacer("[[", "{{", "]]", "}}").Replace(out.String()), nil
	}
	if !strings.HasSuffix(templateName, ".go.tmpl") {
		return out.String(), nil
	}
	text := withImports(out.String())
	formatted, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", templateName, err, text)
	}
	return string(formatted), nil
}

// optionalImports are those of the standard library that only some fields need.
var optionalImports = map[string]string{
	"rand.Text(": "crypto/rand", "mathrand.": "mathrand \"math/rand/v2\"", "strings.": "strings", "fmt.": "fmt",
	"cmp.": "cmp", "strconv.": "strconv",
}

// withImports puts the imports that fields need into the first block, in order.
func withImports(text string) string {
	head, body, found := strings.Cut(text, "import (\n")
	if !found {
		return text
	}
	end := importsEnd.FindStringIndex(body)[0]
	block, rest := body[:end], body[end:]
	lines := strings.Split(block, "\n")
	for use, path := range optionalImports {
		line := "\t" + path
		if !strings.Contains(path, `"`) {
			line = "\t\"" + path + `"`
		}
		lines = slices.DeleteFunc(lines, func(l string) bool { return l == line })
		if regexp.MustCompile(`[^a-z.]` + regexp.QuoteMeta(use)).MatchString(rest) {
			lines = append(lines, line)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(importPath(a), importPath(b)) })
	return head + "import (\n" + strings.Join(lines, "\n") + rest
}

func importPath(line string) string {
	_, path, _ := strings.Cut(line, `"`)
	return path
}

// file is a file to write.
type file struct{ path, text string }

// files are the resource's own, in the order in which one reads them.
func (r resource) files(migration int, o options) ([]file, error) {
	table := r.Table()
	templates := [][2]string{
		{fmt.Sprintf("repositories/migrations/%05d_%s.sql", migration, table), "migration.sql.tmpl"},
		{"services/" + table + ".go", "service.go.tmpl"},
		{"repositories/" + table + ".go", "repository.go.tmpl"},
		{"handlers/" + table + ".go", "handler.go.tmpl"},
		{"services/" + table + "_test.go", "service_test.go.tmpl"},
		{"repositories/" + table + "_test.go", "repository_test.go.tmpl"},
		{"app/" + table + "_test.go", "app_test.go.tmpl"},
	}
	if o.Cache {
		templates = append(templates, [2]string{"repositories/cached_" + table + ".go", "cached.go.tmpl"})
	}
	if o.Pages {
		if len(r.Required()) == 0 && r.RequiredNumbers() == "" {
			return nil, errors.New("with --pages one field must be required, such as 'name:string!'")
		}
		one := r.Singular()
		templates = append(templates, [][2]string{
			{"handlers/" + one + "_pages.go", "pages.go.tmpl"}, {"app/" + one + "_pages_test.go", "pages_test.go.tmpl"},
			{"templates/" + table + ".html", "list.html.tmpl"}, {"templates/" + one + ".html", "show.html.tmpl"},
			{"templates/" + one + "_form.html", "form.html.tmpl"},
		}...)
	}
	var files []file
	for _, t := range templates {
		text, err := render(t[1], r)
		if err != nil {
			return nil, err
		}
		files = append(files, file{filepath.FromSlash(t[0]), text})
	}
	return files, nil
}
