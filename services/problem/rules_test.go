package problem

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRules_TextAndLine(t *testing.T) {
	text, line := (*Rules).Text, (*Rules).Line
	for _, c := range []struct {
		rule      func(r *Rules, field, value string, low, high int)
		value     string
		low, high int
		want      string
	}{
		{text, "a", 1, 3, ""},
		{text, "äöü", 1, 3, ""},
		{text, "💡💡💡", 1, 3, ""},
		{text, "\r\n\t", 0, 3, ""},
		{text, "a\nb", 1, 3, ""},
		{text, "", 0, 3, ""},
		{text, "", 1, 3, "must not be empty"},
		{text, " \t\u00a0\u3000", 1, 3, "must not be empty"},
		{text, "abcd", 1, 3, "must have 1 to 3 characters"},
		{text, "a   ", 1, 3, "must have 1 to 3 characters"},
		{text, " a ", 2, 3, "must have 2 to 3 characters"},
		{text, "\u0301\ufe0f", 0, 3, ""},
		{text, "\u0301\ufe0f", 1, 3, "must have a visible character"},
		{text, "\u2800", 1, 3, "must have a visible character"}, // Braille's blank
		{text, "a\x00", 1, 3, "must not contain the character U+0000"},
		{text, "a\xff", 1, 3, "must be UTF-8"},
		{text, "a\xed\xa0\x80", 1, 9, "must be UTF-8"}, // a surrogate
		{line, "a b", 1, 3, ""},
		{line, "a\nb", 1, 3, "must be a single line"},
		{line, "a\r", 1, 3, "must be a single line"},
		{line, "\ta", 1, 3, "must be a single line"},
		{line, "\n", 1, 3, "must not be empty"},
		{line, "a\x00\n", 1, 3, "must not contain the character U+0000"},
	} {
		var r Rules
		c.rule(&r, "field", c.value, c.low, c.high)
		got := ""
		if len(r.broken) > 0 {
			got = r.broken[0].Message
		}
		if got != c.want || len(r.broken) > 1 {
			t.Errorf("%q of %d to %d: %q, want %q", c.value, c.low, c.high, r.broken, c.want)
		}
	}
}

func TestRules_TellWhatTheyWant(t *testing.T) {
	name, rank := "", "tin"
	rules := func(r *Rules) {
		r.Require("name", name != "")
		r.Line("name", name, 0, 10)
		r.OneOf("rank", rank, "gold", "silver")
	}
	for want, err := range map[string]error{"name rank": Check(rules), "rank": CheckGiven(rules)} {
		var fields []string
		if e, ok := errors.AsType[*Error](err); ok {
			for _, f := range e.Fields {
				fields = append(fields, f.Field)
			}
		}
		if strings.Join(fields, " ") != want {
			t.Errorf("broken are %q, want %q", fields, want)
		}
	}
	var told []string
	for _, l := range Limits(rules) {
		told = append(told, fmt.Sprint(l.Field, l.Rule, l.Low, l.High, l.OneOf))
	}
	if got, want := strings.Join(told, "; "), "nameRequire0 0 []; nameLine0 0 []; nameText0 10 []; rankOneOf0 0 [gold silver]"; got != want {
		t.Errorf("told is %q, want %q", got, want)
	}
}
