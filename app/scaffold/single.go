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

// createFrom writes a file per template.
func (p *plan) createFrom(data any, templates [][2]string) (files []file, err error) {
	for _, t := range templates {
		text, err := render(t[1], data)
		if err != nil {
			return nil, err
		}
		f := file{t[0], text}
		if err := p.create(f); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// planJob writes a job and adds it to the schedule.
func planJob(text string) (*plan, error) {
	s, err := newSingle(text)
	if err != nil {
		return nil, err
	}
	p := newPlan()
	files, err := p.createFrom(s, [][2]string{
		{"jobs/" + s.Name.snake + ".go", "job.go.tmpl"}, {"jobs/" + s.Name.snake + "_test.go", "job_test.go.tmpl"},
	})
	if err != nil {
		return nil, err
	}
	statement := s.addJob() + "(time.Hour))"
	p.done = "It runs every hour; app/schedule.go says so."
	err = p.editGo(schedulePath, statement, func(f *goFile) error {
		if err := f.addImport(s.Module + "/jobs"); err != nil {
			return err
		}
		return f.addBeforeReturn("schedule", statement)
	})
	if err != nil {
		return nil, err
	}
	return p, p.add(record{Job: text}, files)
}

const schedulePath = "app/schedule.go"

// addJob is how the statement begins that schedules the job. What follows is the user's choice.
func (s single) addJob() string { return "r.Add(jobs." + s.Name.Go() }

// unwireJob takes a job out of the schedule.
func (p *plan) unwireJob(text string) error {
	s, err := newSingle(text)
	if err != nil {
		return err
	}
	return p.editGo(schedulePath, "remove: "+s.addJob()+"(…))", func(f *goFile) error {
		err := f.removeWhere(s.addJob(), func(source string) bool { return strings.HasPrefix(source, s.addJob()+"(") })
		if err != nil {
			return err
		}
		return f.removeUnusedImport(s.Module + "/jobs")
	})
}

// planPage writes a page without data, and its route.
func planPage(text string) (*plan, error) {
	s, err := newSingle(text)
	if err != nil {
		return nil, err
	}
	p := newPlan()
	files, err := p.createFrom(s, [][2]string{
		{"handlers/" + s.Name.snake + "_page.go", "page.go.tmpl"},
		{"templates/" + s.Name.snake + ".html", "page.html.tmpl"},
		{"app/" + s.Name.snake + "_page_test.go", "page_test.go.tmpl"},
	})
	if err != nil {
		return nil, err
	}
	err = p.editGo(routesPath, s.route(), func(f *goFile) error {
		return f.addAfterCalls("routes", "server", s.route(), "Get", "Post")
	})
	if err != nil {
		return nil, err
	}
	if err := p.describe(s.group()); err != nil {
		return nil, err
	}
	p.done = "See /" + s.Kebab()
	return p, p.add(record{Page: text}, files)
}

// route is the page's, and group its part of the API document.
func (s single) route() string {
	return fmt.Sprintf("server.Get(%q, guards.FindUser, h.pages.%s)", "/"+s.Kebab(), s.Name.Go())
}

func (s single) group() string { return s.Name.Local() + "PageAPI()" }

// unwirePage takes a page out of the routes and the API document.
func (p *plan) unwirePage(text string) error {
	s, err := newSingle(text)
	if err != nil {
		return err
	}
	if err := p.removeGo(routesPath, s.route()); err != nil {
		return err
	}
	return p.removeGo(apiPath, s.group())
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
	_, err = p.createFrom(s, [][2]string{{path, "empty.sql.tmpl"}})
	return p, err
}
