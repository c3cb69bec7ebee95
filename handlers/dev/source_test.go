package dev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkout is a small one.
func checkout(t *testing.T, files map[string]string) source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return readSource(dir)
}

func found(places []place) (list []string) {
	for _, p := range places {
		list = append(list, fmt.Sprintf("%s:%d", p.File, p.Line))
	}
	return list
}

func TestMade_FindsAnErrorByItsText(t *testing.T) {
	s := checkout(t, map[string]string{
		"services/lamps.go": "package services\n\nvar errDark = errors.New(\"the lamp is dark\")\n" +
			"return fmt.Errorf(\"switch lamp %d on: %w\", id, err)\n" +
			"return fmt.Errorf(\"a long text that \"+\n\t\"goes on: %w\", err)\n" +
			"return fmt.Errorf(\"%w: %w\", a, b)\n",
		"services/lamps_test.go": `errors.New("the lamp is dark")`,
		"bin/lamps.go":           `errors.New("the lamp is dark")`,
		".git/lamps.go":          `errors.New("the lamp is dark")`,
		"a.go":                   "errors.New(\"many places\")\nerrors.New(\"many places\")\nerrors.New(\"many places\")\nerrors.New(\"many places\")",
		"templates/lamp.html":    "<p>\n{{.Nothing}}\n",
	})
	for text, want := range map[string][]string{
		"the lamp is dark":                    {"services/lamps.go:3"},
		"switch lamp 7 on: the lamp\nis dark": {"services/lamps.go:4"},
		"a long text that goes on: x":         {"services/lamps.go:5"},
		"the lamp":                            nil,
		"x: y":                                nil,
		"many places":                         nil,
		"template: lamp.html:2:2: no field Nothing":  {"templates/lamp.html:2"},
		"template: lamp.html:99:2: no field Nothing": nil,
	} {
		if got := found(s.made(text)); !slices.Equal(got, want) {
			t.Errorf("%q is at %v, want %v", text, got, want)
		}
	}
}

func TestRoute_IsFoundBelowItsGroup(t *testing.T) {
	s := checkout(t, map[string]string{
		"app/routes.go": "// without: server.Get(\"/lamps\")\napi.Get(\"/lamps\", h.List)\napi.Post(\"/lamps/:id/on\", h.On)\n",
	})
	for route, want := range map[string][]string{
		"GET /api/v1/lamps": {"app/routes.go:2"}, "HEAD /lamps": {"app/routes.go:2"},
		"POST /api/v1/lamps/:id/on": {"app/routes.go:3"}, "GET /cats": nil, "": nil, "prune": nil,
	} {
		if got := found(s.route(route)); !slices.Equal(got, want) {
			t.Errorf("%q is at %v, want %v", route, got, want)
		}
	}
}

func TestPanicked_IsTheModulesOwnCodeBelowThePanic(t *testing.T) {
	text := strings.Repeat("\n", 99)
	s := checkout(t, map[string]string{"handlers/lamps.go": text, "services/lamps.go": text, "middleware/request/access_log.go": text})
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	stack := "goroutine 1 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x64\n" +
		"x.Recover.func1.1()\n\t" + dir + "/middleware/request/access_log.go:90 +0x1\n" +
		"panic({0x1, 0x2})\n\t/go/src/runtime/panic.go:783 +0x132\n" +
		"runtime.panicmem()\n\t/go/src/runtime/panic.go:262\n" +
		"x/services.Lamp()\n\t" + dir + "/services/lamps.go:12 +0x1\n" +
		"fiber.Next()\n\t/mod/fiber/ctx.go:5 +0x1\n" +
		"x/handlers.Show()\n\thandlers/lamps.go:34 +0x1\n" +
		"x/handlers.More()\n\thandlers/lamps.go:56 +0x1\n"
	places := s.panicked(stack)
	if got := found(places); !slices.Equal(got, []string{"services/lamps.go:12", "handlers/lamps.go:34"}) {
		t.Fatalf("it is at %v", got)
	}
	if lines := places[0].Lines; len(lines) != 11 || !lines[5].Here || lines[5].Number != "  12" {
		t.Errorf("the lines are %+v", lines)
	}
}

func TestChain_ListsAllThatIsWrapped(t *testing.T) {
	inner := errors.New("inner")
	links, stack := chain(fmt.Errorf("outer: %w", errors.Join(fmt.Errorf("one: %w", inner), inner)))
	var texts []string
	for _, l := range links {
		texts = append(texts, l.Text)
	}
	if want := []string{"outer: one: inner\ninner", "one: inner\ninner", "one: inner", "inner", "inner"}; !slices.Equal(texts, want) || stack != "" {
		t.Errorf("%q, with the stack %q", texts, stack)
	}
}
