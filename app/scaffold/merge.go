package main

import (
	"errors"
	"fmt"
	"go/format"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// merge applies the change from one generated text to another to the file as it is here. A
// change at a place that the user has changed as well is left to the user.
func (p *plan) merge(path, before, after string) error {
	here, err := p.read(path)
	if err != nil {
		return err
	}
	if here == before {
		p.after[path] = after
		return nil
	}
	isGo := strings.HasSuffix(path, ".go")
	if isGo {
		here, before, after = unaligned(here), unaligned(before), unaligned(after)
	}
	merged, err := mergeTexts(here, before, after)
	if err != nil {
		return err
	}
	if conflicts := conflict.FindAllString(merged, -1); len(conflicts) > 0 {
		p.paste = append(p.paste, fmt.Sprintf(
			"%s has changed at a place that needs the new fields. Change your lines as those of before into generated:\n\n%s",
			path, strings.Join(conflicts, "\n")))
		return nil
	}
	if isGo {
		text, err := format.Source([]byte(merged))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		merged = string(text)
	}
	p.after[path] = merged
	return nil
}

var conflict = regexp.MustCompile(`(?ms)^<{7} yours\n(.*?)^>{7} generated\n`)

// mergeTexts is git's merge of three files. Where both sides add lines, it takes both.
func mergeTexts(here, before, after string) (string, error) {
	dir, err := os.MkdirTemp("", "generate-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := []string{"merge-file", "-p", "--diff3", "-L", "yours", "-L", "before", "-L", "generated"}
	for i, text := range []string{here, before, after} {
		name := filepath.Join(dir, []string{"here", "before", "after"}[i])
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return "", err
		}
		args = append(args, name)
	}
	out, err := exec.Command("git", args...).Output()
	exit, isExit := errors.AsType[*exec.ExitError](err)
	if err != nil && (!isExit || exit.ExitCode() < 0 || exit.ExitCode() > 127) { // up to 127: so many conflicts
		return "", fmt.Errorf("git merge-file: %w", err)
	}
	return conflict.ReplaceAllStringFunc(string(out), func(text string) string {
		sides := conflict.FindStringSubmatch(text)[1]
		if yours, generated, bothAdd := strings.Cut(sides, "||||||| before\n=======\n"); bothAdd {
			return yours + generated
		}
		return text
	}), nil
}

// unaligned is Go code with one space where gofmt aligns columns by more, so that a longer
// name changes only its own line.
func unaligned(text string) string {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	var b strings.Builder
	end := 0
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return b.String() + text[end:]
		}
		if tok == token.SEMICOLON && literal != ";" {
			continue // a line break
		}
		at := file.Offset(pos)
		if gap := text[end:at]; gap == "" || strings.Contains(gap, "\n") {
			b.WriteString(gap)
		} else {
			b.WriteByte(' ')
		}
		if literal == "" {
			literal = tok.String()
		}
		end = at + len(literal)
		b.WriteString(text[at:end])
	}
}
