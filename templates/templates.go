// Package templates holds the pages: what they look like, and nothing of what they
// show.
//
//	layout.html   what all pages have around them
//	parts.html    what several pages use
//	pages/        a page each, which defines the layout's "main"
//	static/       style, script and icon
package templates

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path"
	"strings"
)

//go:embed layout.html parts.html pages static
var embedded embed.FS

// Embedded are the files as they were when the program was built.
func Embedded() fs.FS { return embedded }

// Views renders the pages. It is Fiber's Views. Each page has the layout to itself,
// read at the start, so that renderings do not wait for each other.
type Views struct {
	files fs.FS
	asset func(name string) (string, error)
	funcs template.FuncMap
	pages map[string]*template.Template // nil: to be read each time
}

// New reads all pages in files, and returns an error where one is broken. asset
// returns the address of a static file. With reload, pages are read again each time
// that they are rendered, so that a change shows at once.
func New(files fs.FS, asset func(name string) (string, error), reload bool) (*Views, error) {
	v := &Views{files: files, asset: asset, funcs: funcs(asset)}
	names, err := fs.Glob(files, "pages/*.html")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there are no pages: %w", cmp.Or(err, fs.ErrNotExist))
	}
	pages := make(map[string]*template.Template)
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
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
	page, err := template.New("layout.html").Funcs(v.funcs).
		ParseFS(v.files, "layout.html", "parts.html", "pages/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("read the page %s: %w", name, err)
	}
	if err := v.checkAssets(page); err != nil {
		return nil, fmt.Errorf("read the page %s: %w", name, err)
	}
	// Where a value stands decides how it is escaped. That is worked out at the first
	// execution, which may fail here for want of data, but not for other reasons.
	err = page.Execute(io.Discard, nil)
	if _, unescapable := errors.AsType[*template.Error](err); unescapable {
		return nil, fmt.Errorf("read the page %s: %w", name, err)
	}
	return page, nil
}

// Load is part of fiber.Views. New has done it.
func (v *Views) Load() error { return nil }

// Render is part of fiber.Views: it writes the page of that name. Every page is in
// the one layout; other names are ignored.
func (v *Views) Render(w io.Writer, name string, data any, _ ...string) error {
	page, ok := v.pages[name]
	if v.pages == nil {
		var err error
		if page, err = v.parse(name); err != nil {
			return err
		}
	} else if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	return page.Execute(w, data)
}
