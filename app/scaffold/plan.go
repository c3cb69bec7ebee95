package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// plan is what a command will do to the files. Nothing is written before all of it is known.
type plan struct {
	before map[string]string // of the files that are there
	after  map[string]string // "": the file is removed
	paste  []string          // what the user must do by hand
	whole  bool              // all of it or nothing, unless the user says --no-check
	done   string            // what to say at the end
}

func newPlan() *plan { return &plan{before: make(map[string]string), after: make(map[string]string)} }

// read returns the file as it will be.
func (p *plan) read(path string) (string, error) {
	if text, ok := p.after[path]; ok {
		return text, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	p.before[path] = string(text)
	return string(text), nil
}

// create adds a new file. That it exists already is an error.
func (p *plan) create(f file) error {
	if _, err := os.Lstat(f.path); err == nil {
		return fmt.Errorf("%s exists already; nothing is overwritten", f.path)
	}
	p.after[f.path] = f.text
	return nil
}

// edit changes a file, or, where that has an unknown shape, tells the user to paste.
func (p *plan) edit(path, paste string, change func(text string) (string, error)) error {
	text, err := p.read(path)
	if err == nil {
		text, err = change(text)
	}
	if errors.Is(err, errUnknownShape) || errors.Is(err, os.ErrNotExist) {
		p.paste = append(p.paste, fmt.Sprintf("%v. Put this into %s:\n\n%s\n", err, path, paste))
		return nil
	}
	if err != nil {
		return err
	}
	p.after[path] = text
	return nil
}

// editGo is edit for a Go file.
func (p *plan) editGo(path, paste string, change func(f *goFile) error) error {
	return p.edit(path, paste, func(text string) (string, error) {
		f, err := parseGo(path, text)
		if err == nil {
			err = change(f)
		}
		if err != nil {
			return "", err
		}
		return f.text, nil
	})
}

// compiles vets the module with the plan's files in place of those on disk: a resource's
// name may be that of a type, package or variable, or a resource to remove still in use.
func (p *plan) compiles() error {
	dir, err := os.MkdirTemp("", "generate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, text := range p.after {
		overlay.Replace[path] = "" // it is removed
		if text == "" {
			continue
		}
		name := filepath.Join(dir, path) // as messages show it
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
		overlay.Replace[path] = name
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		return err
	}
	said, err := exec.Command("go", "vet", "-overlay", list, "./...").CombinedOutput()
	if err != nil {
		return fmt.Errorf("the program would not compile, so nothing is written. "+
			"A name may be taken; choose another:\n%s", said)
	}
	return nil
}

// apply writes the files, and says which.
func (p *plan) apply(out io.Writer) error {
	for _, path := range slices.Sorted(maps.Keys(p.after)) {
		verb := "create"
		if _, there := p.before[path]; there {
			verb = "edit"
		}
		if p.after[path] == "" {
			fmt.Fprintf(out, "%-7s %s\n", "remove", path)
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(out, "%-7s %s\n", verb, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(p.after[path]), 0o644); err != nil {
			return err
		}
	}
	return p.end(out)
}

// diff shows what apply would do.
func (p *plan) diff(out io.Writer) error {
	dir, err := os.MkdirTemp("", "generate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, path := range slices.Sorted(maps.Keys(p.after)) {
		var names [2]string
		for i, text := range []string{p.before[path], p.after[path]} {
			names[i] = filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(names[i], []byte(text), 0o600); err != nil {
				return err
			}
		}
		c := exec.Command("diff", "-u", "--label", "a/"+path, "--label", "b/"+path, names[0], names[1])
		c.Stdout, c.Stderr = out, os.Stderr
		if err := c.Run(); err != nil && c.ProcessState.ExitCode() != 1 { // 1: they differ
			return err
		}
	}
	p.done = "Nothing was written."
	return p.end(out)
}

func (p *plan) end(out io.Writer) error {
	for _, text := range p.paste {
		fmt.Fprintf(out, "\n%s", text)
	}
	fmt.Fprintln(out, p.done)
	if len(p.paste) > 0 {
		return fmt.Errorf("%d places are left to you: %w", len(p.paste), errUnknownShape)
	}
	return nil
}

// modulePath is this project's, from go.mod.
func modulePath() (string, error) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "", errors.New("run it in the folder of go.mod")
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(first, "module "), nil
}

// checkTable refuses a table that a migration creates already.
func checkTable(table string) error {
	paths, err := filepath.Glob("repositories/migrations/*.sql")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if regexp.MustCompile(`(?i)CREATE TABLE (IF NOT EXISTS )?` + table + `\b`).Match(text) {
			return fmt.Errorf("%s creates the table %s already", path, table)
		}
	}
	return err
}

// nextMigration is the number after the highest.
func nextMigration() (int, error) {
	names, err := filepath.Glob("repositories/migrations/*.sql")
	highest := 0
	for _, path := range names {
		n := 0
		if _, err := fmt.Sscanf(filepath.Base(path), "%d_", &n); err == nil {
			highest = max(highest, n)
		}
	}
	return highest + 1, err
}
