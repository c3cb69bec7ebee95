package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// existing returns the value, in SQL, of the field in rows that exist: what stands behind
// the = in phone:string!=unknown.
func (f field) existing(text, value string, given bool) (string, error) {
	definition, _, _ := strings.Cut(text, "=")
	switch {
	case f.Unique && (f.Required || given):
		optional := strings.NewReplacer("!", "", "?", "", ":unique", "?:unique").Replace(definition)
		return "", fmt.Errorf(
			"field %q: all rows that exist would have the same value; make it optional: '%s'", text, optional)
	case f.Required && !given:
		return "", fmt.Errorf("field %q: say the value for rows that exist, as in '%s=%s'", text, definition, f.valid())
	case !given:
		return "", nil
	}
	literal, fault := f.literal(value)
	if fault != "" {
		return "", fmt.Errorf(
			"field %q: the value for rows that exist %s, as in '%s=%s'", text, fault, definition, f.valid())
	}
	return literal, nil
}

// valid is a value that an error may suggest.
func (f field) valid() string {
	switch f.Kind {
	case "int", "money":
		return strconv.FormatInt(f.Low, 10)
	case "ref":
		return "1"
	case "date":
		return "2026-01-31"
	case "enum":
		return f.Options[0]
	case "url":
		return "https://example.com"
	case "bool":
		return "true"
	}
	return "unknown"
}

// literal is a value in SQL. It keeps the field's rule, or fault says what is wrong.
func (f field) literal(value string) (literal, fault string) {
	n, err := strconv.ParseInt(value, 10, 64)
	high := map[string]int{"string": 200, "text": 5000, "url": 500}[f.Kind]
	switch f.Kind {
	case "int", "money":
		if err != nil || n < f.Low || n > f.High {
			return "", fmt.Sprintf("must be a whole number from %d to %d", f.Low, f.High)
		}
		return strconv.FormatInt(n, 10), ""
	case "ref":
		if err != nil || n <= 0 {
			return "", "must be the id of a row of " + f.Refers.Table
		}
		return strconv.FormatInt(n, 10), ""
	case "bool":
		if value != "true" && value != "false" {
			return "", "must be true or false"
		}
		return value, ""
	case "date":
		if day, err := time.Parse(time.DateOnly, value); err != nil || day.Year() < 1 {
			return "", "must be a day"
		}
	case "enum":
		if !slices.Contains(f.Options, value) {
			return "", "must be one of " + strings.Join(f.Options, ", ")
		}
	case "url":
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", "must be an http or https URL"
		}
	}
	isOdd := func(r rune) bool { return !unicode.IsPrint(r) } // a line break, or a character that the rules refuse
	switch {
	case strings.TrimSpace(value) == "":
		return "", "must not be empty"
	case high > 0 && utf8.RuneCountInString(value) > high, !utf8.ValidString(value), strings.ContainsFunc(value, isOdd):
		return "", fmt.Sprintf("must be a single line of up to %d characters", high)
	}
	return "'" + strings.ReplaceAll(value, "'", "''") + "'", ""
}
