package main

import (
	"fmt"
	"strconv"
	"strings"
)

// Example is a valid value as a Go and JSON literal; the n-th differs from the others
// where the kind allows it.
func (f field) Example(n int) string {
	switch f.Kind {
	case "int":
		return strconv.FormatInt(f.Low+int64(n)%(f.High-f.Low+1), 10)
	case "money":
		return strconv.FormatInt(f.Low+min(1250*int64(n+1), f.High-f.Low), 10)
	case "bool":
		return strconv.FormatBool(n%2 == 0)
	case "date":
		return fmt.Sprintf(`"2026-03-%02d"`, 1+n%28)
	case "enum":
		return `"` + f.Options[n%len(f.Options)] + `"`
	case "url":
		return fmt.Sprintf(`"https://example.com/%d"`, n+1)
	}
	words := f.Name.Words()
	return fmt.Sprintf(`"%s %d"`, strings.ToUpper(words[:1])+words[1:], n+1)
}

// Varied is a Go expression for a valid value that depends on the variable n.
func (f field) Varied() string {
	switch f.Kind {
	case "int", "money":
		return "int64(" + f.variedNumber() + ")"
	case "bool":
		return "n%2 == 0"
	case "date":
		return `fmt.Sprintf("2026-03-%02d", 1+n%28)`
	case "enum":
		return fmt.Sprintf("[]string{%s}[n%%%d]", quoted(f.Options), len(f.Options))
	case "url":
		return `fmt.Sprintf("https://example.com/%d", n)`
	}
	words := f.Name.Words()
	return fmt.Sprintf(`fmt.Sprintf("%s %%d", n)`, strings.ToUpper(words[:1])+words[1:])
}

// variedNumber is a valid number that depends on n, which is below a million.
func (f field) variedNumber() string {
	first, number := "", "n"
	if f.Low != 0 {
		first = grouped(f.Low) + " + "
	}
	if f.High-f.Low < 1_000_000 {
		number += "%" + grouped(f.High-f.Low+1)
	}
	return first + number
}

// grouped is a Go literal whose digits can be counted: 1_000_000.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	if -10_000 < n && n < 10_000 {
		return text
	}
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "_" + text[i:]
	}
	return text
}

// Invalid is a value that breaks the field's rule, or "" if there is none.
func (f field) Invalid() string {
	switch f.Kind {
	case "int", "money":
		return strconv.FormatInt(f.High+1, 10)
	case "ref":
		return "-1"
	case "date":
		return `"2026-02-30"`
	case "enum":
		return `"none of ` + strings.Join(f.Options, ", ") + `"`
	case "url":
		return `"javascript:alert(1)"`
	case "string":
		return `"two\nlines"`
	case "text":
		return `"\u0000"`
	}
	return ""
}
