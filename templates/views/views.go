// Package views renders HTML pages with html/template, as Fiber's Views.
//
//	files, onDisk := views.Files(templates.Files, "templates", development)
//	pages, err := views.New(files, template.FuncMap{"price": price}, onDisk)
//	app := fiber.New(fiber.Config{Views: pages})
//	...
//	return c.Render("product", data) // product.html within layout.html
//
// layout.html surrounds every page and calls {{template "main" .}}, which the page
// defines. parts.html holds templates that several pages use. Every other file that ends
// in .html is a page. New parses all pages, and returns an error if one is broken.
package views

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"strings"
)

const (
	layout = "layout.html"
	parts  = "parts.html"
)

// Files returns the files that are embedded in the program or, if wanted and if the
// program runs in its checkout, those in the folder on disk.
func Files(embedded fs.FS, folder string, wantDisk bool) (files fs.FS, onDisk bool) {
	if !wantDisk {
		return embedded, false
	}
	disk := os.DirFS(folder)
	if _, err := fs.Stat(disk, layout); err != nil {
		return embedded, false
	}
	return disk, true
}

// Views renders pages. Each page has its own copy of the layout, so that renderings do
// not share a lock.
type Views struct {
	files fs.FS
	funcs template.FuncMap
	pages map[string]*template.Template // nil: parse at each rendering
}

// New parses all pages. With reload, a page is parsed again each time that it is
// rendered, so that a change shows at once.
func New(files fs.FS, funcs template.FuncMap, reload bool) (*Views, error) {
	v := &Views{files: files, funcs: funcs}
	names, err := fs.Glob(files, "*.html")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there are no templates: %w", cmp.Or(err, fs.ErrNotExist))
	}
	pages := make(map[string]*template.Template)
	for _, file := range names {
		if file == layout || file == parts {
			continue
		}
		name := strings.TrimSuffix(file, ".html")
		if pages[name], err = v.parse(name); err != nil {
			return nil, err
		}
	}
	if !reload {
		v.pages = pages
	}
	return v, nil
}

func (v *Views) parse(name string) (*template.Template, error) {
	page, err := template.New(layout).Funcs(v.funcs).ParseFS(v.files, layout, parts, name+".html")
	if err != nil {
		return nil, fmt.Errorf("parse the page %s: %w", name, err)
	}
	// html/template finds out how to escape at the first execution, and reports an
	// *template.Error if it cannot. Other errors come from the missing data.
	err = page.Execute(io.Discard, nil)
	if _, ok := errors.AsType[*template.Error](err); ok {
		return nil, fmt.Errorf("parse the page %s: %w", name, err)
	}
	return page, nil
}

// Load is part of fiber.Views. New has loaded all.
func (v *Views) Load() error { return nil }

// Render is part of fiber.Views. It writes the page of that name. The layouts that Fiber
// passes are ignored.
func (v *Views) Render(w io.Writer, name string, data any, _ ...string) error {
	page := v.pages[name]
	if v.pages == nil {
		var err error
		if page, err = v.parse(name); err != nil {
			return err
		}
	}
	if page == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	return page.Execute(w, data)
}
