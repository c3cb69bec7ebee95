package main

import (
	"bytes"
	"context"
	_ "embed" // the templates
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// report is what the templates are filled with.
type report struct {
	options options
	Machine machine
	Rows    []row
	Facts   []fact
	Failed  []string
}

type machine struct {
	CPU, Kernel, Go, PostgreSQL, Redis string
	Cores                              int
	Date                               string
}

func (t *testbed) machine(ctx context.Context) machine {
	m := machine{
		CPU: "unknown", Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC().Format(time.DateOnly),
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
		}
	}
	kernel, _ := exec.CommandContext(ctx, "uname", "-sr").Output()
	m.Kernel, _, _ = strings.Cut(strings.TrimSpace(string(kernel)), "-") // what follows names somebody's build
	_ = t.db.GetContext(ctx, &m.PostgreSQL, "SELECT split_part(current_setting('server_version'), ' ', 1)")
	server, _ := t.client.Info(ctx, "server").Result()
	_, version, _ := strings.Cut(server, "redis_version:")
	m.Redis, _, _ = strings.Cut(version, "\r\n")
	return m
}

// Rounds is for the template.
func (r report) Rounds() int { return r.options.rounds }

// Seconds is for the template.
func (r report) Seconds() float64 { return r.options.length.Seconds() }

// Products is for the template.
func (r report) Products() string { return thousands(float64(r.options.products)) }

// Section returns the rows of a section of the report.
func (r report) Section(name string) (rows []row) {
	for _, row := range r.Rows {
		if row.Section == name {
			rows = append(rows, row)
		}
	}
	return rows
}

//go:embed performance.md.tmpl
var textTemplate string

//go:embed performance.svg.tmpl
var plotTemplate string

var functions = template.FuncMap{"figure": figure, "verdict": verdict, "met": met, "limit": limit}

func (r report) write() error {
	text, err := fill(textTemplate, r)
	if err != nil {
		return err
	}
	if r.options.only.String() != "" { // it is not whole
		_, err := os.Stdout.Write(text)
		return err
	}
	picture, err := fill(plotTemplate, newPlot(r.Section(pathSection)))
	if err != nil {
		return err
	}
	if r.options.smoke {
		if err := r.whole(text); err != nil {
			return err
		}
	}
	for name, content := range map[string][]byte{"performance.md": text, "performance.svg": picture} {
		if err := os.WriteFile(filepath.Join(r.options.out, name), content, 0o644); err != nil { //nolint:gosec // for all
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "wrote", filepath.Join(r.options.out, "performance.md"))
	return nil
}

func fill(text string, data any) ([]byte, error) {
	t, err := template.New("").Funcs(functions).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, data)
	return out.Bytes(), err
}

// whole returns an error where the report lacks what was to be measured.
func (r report) whole(text []byte) error {
	for _, s := range scenarios {
		if !bytes.Contains(text, []byte("\n|"+s.name+"|")) {
			return fmt.Errorf("the report says nothing of %q", s.name)
		}
	}
	if len(r.Facts) < len(figures) || bytes.Contains(text, []byte("NaN")) {
		return fmt.Errorf("the report is not whole:\n%s", text)
	}
	return nil
}

// figure writes a number with three digits, or with all of a whole one.
func figure(x float64) string {
	if math.Abs(x) >= 1000 {
		return thousands(x)
	}
	return strconv.FormatFloat(x, 'f', max(0, 2-int(math.Floor(math.Log10(max(math.Abs(x), 0.1))))), 64)
}

// thousands writes a whole number in groups of three digits.
func thousands(x float64) string {
	digits := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func limit(r row) string {
	switch {
	case r.Limit == 0:
		return ""
	case r.AtLeast:
		return "≥ " + strconv.FormatFloat(r.Limit, 'f', -1, 64)
	}
	return "≤ " + strconv.FormatFloat(r.Limit, 'f', -1, 64)
}

func met(ok bool) string {
	if ok {
		return "yes"
	}
	return "**no**"
}

func verdict(r row) string {
	if r.Limit == 0 {
		return ""
	}
	return met(r.Met)
}
