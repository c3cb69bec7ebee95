package dev

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// place is a line of the source, with some around it.
type place struct {
	File, Why string
	Line      int
	Lines     []sourceLine
}

type sourceLine struct {
	Number, Text string
	Here         bool
}

// source is the text of the checkout's files, by their paths in it.
type source map[string][]string

// readSource reads the program's files and templates. What cannot be read is left out.
func readSource(root string) source {
	s := make(source)
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the page is shown without it
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			if text, err := os.ReadFile(path); err == nil { //nolint:gosec // of the checkout
				relative, _ := filepath.Rel(root, path)
				s[filepath.ToSlash(relative)] = strings.Split(string(text), "\n")
			}
		}
		return nil
	})
	return s
}

// around is how many lines are shown before and after the place.
const around = 5

// at returns the place as a list, which is empty if there is no such line.
func (s source) at(file string, line int, why string) []place {
	lines := s[file]
	if line < 1 || line > len(lines) {
		return nil
	}
	p := place{File: file, Line: line, Why: why}
	for n := max(1, line-around); n <= min(len(lines), line+around); n++ {
		p.Lines = append(p.Lines, sourceLine{fmt.Sprintf("%4d", n), lines[n-1], n == line})
	}
	return []place{p}
}

var frame = regexp.MustCompile(`(?m)^\t(.+\.go):(\d+)`)

// panicked returns where the module's own code has panicked, and its caller in the module.
func (s source) panicked(stack string) (places []place) {
	begin := max(0, strings.LastIndex(stack, "\npanic(")) // above are the functions that recovered
	prefixes := []string{""}
	if dir, err := os.Getwd(); err == nil {
		prefixes = append(prefixes, filepath.ToSlash(dir)+"/")
	}
	if built, ok := debug.ReadBuildInfo(); ok {
		prefixes = append(prefixes, built.Main.Path+"/") // with -trimpath
	}
	for _, match := range frame.FindAllStringSubmatch(stack[begin:], -1) {
		line, _ := strconv.Atoi(match[2])
		for _, prefix := range prefixes {
			if file, ok := strings.CutPrefix(match[1], prefix); ok && len(places) < 2 {
				why := "it panicked here"
				if len(places) > 0 {
					why = "called from here"
				}
				places = append(places, s.at(file, line, why)...)
			}
		}
	}
	return places
}

var (
	errorText    = regexp.MustCompile(`(?:fmt\.Errorf|errors\.New)\(("(?:[^"\\]|\\.)*")(\s*\+)?`)
	verb         = regexp.MustCompile(`%[-+# 0]*[\d.]*(?:\[\d+\])?[a-zA-Z]`)
	templateText = regexp.MustCompile(`template: ([\w./-]+\.html):(\d+)`)
)

const (
	minLetters = 6 // of a text that tells a place
	maxPlaces  = 3 // a text that fits more tells none
)

// made returns where an error of that text may have been made: where the source has a text
// or a format that fits. An error of another module has no such place.
func (s source) made(text string) (places []place) {
	if m := templateText.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[2])
		return s.at("templates/"+m[1], line, "the template")
	}
	for _, file := range s.files() {
		for i, line := range s[file] {
			m := errorText.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			format, err := strconv.Unquote(m[1])
			if err != nil || len(verb.ReplaceAllString(format, "")) < minLetters {
				continue
			}
			pieces := verb.Split(format, -1)
			for i := range pieces {
				pieces[i] = regexp.QuoteMeta(pieces[i])
			}
			pattern := `(?s)^` + strings.Join(pieces, ".*")
			if m[2] == "" { // else the text goes on in another line
				pattern += "$"
			}
			if regexp.MustCompile(pattern).MatchString(text) {
				places = append(places, s.at(file, i+1, "found by the error's text; Go's errors do not tell their place")...)
			}
		}
	}
	if len(places) > maxPlaces {
		return nil
	}
	return places
}

// route returns the line that declares a route such as "GET /products/:id". A group may
// hold the beginning of its path.
func (s source) route(name string) []place {
	method, path, ok := strings.Cut(name, " ")
	if !ok {
		return nil
	}
	call := method[:1] + strings.ToLower(method[1:])
	if method == "HEAD" {
		call = "Get"
	}
	for path != "" {
		text := "." + call + `("` + path + `"`
		for _, file := range s.files() {
			for i, line := range s[file] {
				if strings.Contains(line, text) && !strings.HasPrefix(strings.TrimSpace(line), "//") {
					return s.at(file, i+1, "the route")
				}
			}
		}
		next := strings.Index(path[1:], "/")
		if next < 0 {
			break
		}
		path = path[1+next:]
	}
	return nil
}

func (s source) files() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
