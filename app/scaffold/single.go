package main

import (
	"fmt"
	"strings"
)

// single is something of one file and its place: a job, a page, a migration.
type single struct {
	Module string
	Name   name
}

// Kebab is the name in addresses and labels: clean-carts.
func (s single) Kebab() string { return strings.ReplaceAll(s.Name.snake, "_", "-") }

// Title is the name as a heading: Clean carts.
func (s single) Title() string {
	words := s.Name.Words()
	return strings.ToUpper(words[:1]) + words[1:]
}

func newSingle(text string) (single, error) {
	if !resourceName.MatchString(text) {
		return single{}, fmt.Errorf("%q is no name; one is like CleanCarts, in Go's spelling", text)
	}
	module, err := modulePath()
	return single{module, newName(text)}, err
}

func (p *plan) createFrom(data any, files [][2]string) error {
	for _, f := range files {
		text, err := render(f[1], data)
		if err != nil {
			return err
		}
		if err := p.create(file{f[0], text}); err != nil {
			return err
		}
	}
	return nil
}

// planJob writes a job and adds it to the schedule.
func planJob(text string) (*plan, error) {
	s, err := newSingle(text)
	if err != nil {
		return nil, err
	}
	p := newPlan()
	if err := p.createFrom(s, [][2]string{
		{"jobs/" + s.Name.snake + ".go", "job.go.tmpl"}, {"jobs/" + s.Name.snake + "_test.go", "job_test.go.tmpl"},
	}); err != nil {
		return nil, err
	}
	statement := fmt.Sprintf("r.Add(jobs.%s(time.Hour))", s.Name.Go())
	p.done = "It runs every hour; app/schedule.go says so."
	return p, p.editGo("app/schedule.go", statement, func(f *goFile) error {
		if err := f.addImport(s.Module + "/jobs"); err != nil {
			return err
		}
		return f.addBeforeReturn("schedule", statement)
	})
}

// planPage writes a page without data, and its route.
func planPage(text string) (*plan, error) {
	s, err := newSingle(text)
	if err != nil {
		return nil, err
	}
	p := newPlan()
	if err := p.createFrom(s, [][2]string{
		{"handlers/" + s.Name.snake + "_page.go", "page.go.tmpl"},
		{"templates/" + s.Name.snake + ".html", "page.html.tmpl"},
		{"app/" + s.Name.snake + "_page_test.go", "page_test.go.tmpl"},
	}); err != nil {
		return nil, err
	}
	route := fmt.Sprintf("server.Get(%q, guards.FindUser, h.pages.%s)", "/"+s.Kebab(), s.Name.Go())
	err = p.editGo(routesPath, route, func(f *goFile) error {
		return f.addAfterCalls("routes", "server", route, "Get", "Post")
	})
	if err != nil {
		return nil, err
	}
	p.done = "See http://localhost:3000/" + s.Kebab()
	return p, p.describe(s.Name.Local() + "PageAPI()")
}

// planMigration writes an empty migration under the next number.
func planMigration(text string) (*plan, error) {
	s, err := newSingle(text)
	if err != nil {
		return nil, err
	}
	number, err := nextMigration()
	if err != nil {
		return nil, err
	}
	p := newPlan()
	path := fmt.Sprintf("repositories/migrations/%05d_%s.sql", number, s.Name.snake)
	p.done = "Write its statements, up and down; the program applies it at its next start."
	return p, p.createFrom(s, [][2]string{{path, "empty.sql.tmpl"}})
}
