package main

import (
	"fmt"
	"strings"
)

// options are what a resource may have besides.
type options struct {
	Cache bool `json:"cache,omitempty"` // of what is read by id
	Pages bool `json:"pages,omitempty"` // for people
}

// wiring is what a resource adds to files that are there: where, and the text.
type wiring struct {
	store    string   // statements of build in app.go
	elements []string // of routeHandlers{…} there
	fields   []string // of routeHandlers in routes.go
	routes   []string // of the API
	pages    []string // routes of pages
	groups   []string // of the API document, in api.go
}

const (
	appPath    = "app/app.go"
	routesPath = "app/routes.go"
	apiPath    = "handlers/api.go"
)

func (r resource) wiring(o options) wiring {
	w := wiring{
		store:    fmt.Sprintf("%s := services.New%s(repositories.New%s(p.DB))", r.Locals(), r.Types(), r.Types()),
		elements: []string{fmt.Sprintf("%s: &handlers.%s{%s: %s}", r.Locals(), r.Types(), r.Types(), r.Locals())},
		fields:   []string{fmt.Sprintf("%s *handlers.%s", r.Locals(), r.Types())},
		groups:   []string{r.Locals() + "API()"},
	}
	if o.Cache {
		store := r.Local() + "Store"
		w.store = strings.Join([]string{
			fmt.Sprintf("var %s services.%sStore = repositories.New%s(p.DB)", store, r.Type(), r.Types()),
			"if cfg.Cache.TTL > 0 {",
			fmt.Sprintf("\t%s = repositories.NewCached%s(%s, values, times)", store, r.Types(), store),
			"}",
			fmt.Sprintf("%s := services.New%s(%s)", r.Locals(), r.Types(), store),
		}, "\n\t")
	}
	for _, route := range []string{
		`Get("/%[1]s", h.%[2]s.List)`,
		`Get("/%[1]s/:id", rest.NoQuery, rest.ByID(h.%[2]s.Show))`,
		`Post("/%[1]s", guards.RequireAdmin, rest.NoQuery, h.%[2]s.Create)`,
		`Patch("/%[1]s/:id", guards.RequireAdmin, rest.NoQuery, rest.ByID(h.%[2]s.Update))`,
		`Delete("/%[1]s/:id", guards.RequireAdmin, rest.NoQuery, rest.ByID(h.%[2]s.Delete))`,
	} {
		w.routes = append(w.routes, "api."+fmt.Sprintf(route, r.Path(), r.Locals()))
	}
	if !o.Pages {
		return w
	}
	pages := r.Local() + "Pages"
	w.groups = append(w.groups, pages+"API()")
	w.elements = append(w.elements, fmt.Sprintf(
		"%s: &handlers.%sPages{%s: %s, Pages: &handlers.Pages{DevReload: onDisk}}", pages, r.Type(), r.Types(), r.Locals()))
	w.fields = append(w.fields, fmt.Sprintf("%s *handlers.%sPages", pages, r.Type()))
	for _, route := range []string{
		`Get("/%[1]s", guards.FindUser, h.%[2]s.List)`,
		`Get("/%[1]s/new", guards.RequireAdmin, h.%[2]s.New)`,
		`Post("/%[1]s/new", guards.RequireAdmin, h.%[2]s.Create)`,
		`Get("/%[1]s/:id", guards.FindUser, rest.ByID(h.%[2]s.Show))`,
		`Get("/%[1]s/:id/edit", guards.RequireAdmin, rest.ByID(h.%[2]s.Edit))`,
		`Post("/%[1]s/:id/edit", guards.RequireAdmin, rest.ByID(h.%[2]s.Update))`,
		`Post("/%[1]s/:id/delete", guards.RequireAdmin, rest.ByID(h.%[2]s.Delete))`,
	} {
		w.pages = append(w.pages, "server."+fmt.Sprintf(route, r.Path(), pages))
	}
	return w
}

// wire edits what a new resource needs outside its own files.
func (p *plan) wire(r resource, o options) error {
	w := r.wiring(o)
	err := p.editGo(appPath, w.store+"\n\t"+strings.Join(w.elements, ",\n\t"), func(f *goFile) error {
		for _, folder := range []string{"handlers", "repositories", "services"} {
			if err := f.addImport(r.Module + "/" + folder); err != nil {
				return err
			}
		}
		for _, element := range w.elements {
			if err := f.addElement("build", "routeHandlers", element); err != nil {
				return err
			}
		}
		return f.addBeforeComment("build", "Middleware", w.store)
	})
	if err != nil {
		return err
	}
	all := append(append(w.fields, w.routes...), w.pages...)
	err = p.editGo(routesPath, strings.Join(all, "\n\t"), func(f *goFile) error {
		for _, field := range w.fields {
			if err := f.addField("routeHandlers", field); err != nil {
				return err
			}
		}
		if len(w.pages) > 0 {
			if err := f.addAfterCalls("routes", "server", strings.Join(w.pages, "\n\t"), "Get", "Post"); err != nil {
				return err
			}
		}
		return f.addAfterCalls("routes", "api", strings.Join(w.routes, "\n\t"))
	})
	if err != nil {
		return err
	}
	return p.describe(w.groups...)
}

// describe adds groups of operations to the API document.
func (p *plan) describe(groups ...string) error {
	return p.editGo(apiPath, strings.Join(groups, ",\n"), func(f *goFile) error {
		for _, group := range groups {
			if err := f.addElement("API", "[]openapi.Group", group); err != nil {
				return err
			}
		}
		return nil
	})
}

// planResource writes a new resource.
func planResource(singularName, pluralName string, fields []string, o options) (*plan, error) {
	module, err := modulePath()
	if err != nil {
		return nil, err
	}
	r, err := newResource(module, singularName, pluralName, fields)
	if err != nil {
		return nil, err
	}
	p := newPlan()
	list, err := p.records()
	if err != nil {
		return nil, err
	}
	if err := list.checkReferences(r); err != nil {
		return nil, err
	}
	number, err := nextMigration()
	if err != nil {
		return nil, err
	}
	if err := checkTable(r.Table()); err != nil {
		return nil, err
	}
	files, err := r.files(number, o)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := p.create(f); err != nil {
			return nil, err
		}
	}
	if err := p.wire(r, o); err != nil {
		return nil, err
	}
	p.done = r.next(o)
	rec := record{Resource: singularName, Table: r.Table(), Fields: fields, options: o}
	return p, p.add(rec, files)
}

// next says what to do with a resource that was generated.
func (r resource) next(o options) string {
	addresses := "/api/v1/" + r.Path()
	if o.Pages {
		addresses += " and /" + r.Path()
	}
	text := fmt.Sprintf("Now run `make test-quick`, and see %s once the program has migrated.", addresses)
	if o.Cache {
		text += "\nRows are cached by id. docs/caching.md tells how to cache lists and whole responses."
	}
	return text
}
