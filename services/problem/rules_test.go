package problem

import (
	"errors"
	"testing"
)

// brokenFields lists the fields that err names; nil where it is no error of ours.
func brokenFields(err error) (names []string) {
	if e, ok := errors.AsType[*Error](err); ok && e.Code == Invalid {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestRulesText(t *testing.T) {
	for _, c := range []struct {
		value     string
		low, high int
		want      string
	}{
		{"a", 1, 3, ""},
		{"äöü", 1, 3, ""},
		{"💡💡💡", 1, 3, ""},
		{"\r\n\t", 0, 3, ""},
		{"a\nb", 1, 3, ""},
		{"", 0, 3, ""},
		{"", 1, 3, "must not be empty"},
		{" \t\u00a0\u3000", 1, 3, "must not be empty"},
		{"abcd", 1, 3, "must have 1 to 3 characters"},
		{"a   ", 1, 3, "must have 1 to 3 characters"},
		{" a ", 2, 3, "must have 2 to 3 characters"},
		{"\u0301\ufe0f", 0, 3, ""},
		{"\u0301\ufe0f", 1, 3, "must have a visible character"},
		{"\u2800", 1, 3, "must have a visible character"}, // Braille's blank
		{"a\x00", 1, 3, "must not contain the character U+0000"},
		{"a\xff", 1, 3, "must be UTF-8"},
		{"a\xed\xa0\x80", 1, 9, "must be UTF-8"}, // a surrogate
	} {
		var r Rules
		r.Text("field", c.value, c.low, c.high)
		got := ""
		if len(r.broken) > 0 {
			got = r.broken[0].Message
		}
		if got != c.want || len(r.broken) > 1 {
			t.Errorf("%q of %d to %d: %q, want %q", c.value, c.low, c.high, r.broken, c.want)
		}
	}
}

func TestRules_ALineHasNoBreak(t *testing.T) {
	for value, want := range map[string]string{
		"a b": "", "a\nb": "must be a single line", "a\r": "must be a single line", "\ta": "must be a single line",
		"\n": "must not be empty", "a\x00\n": "must not contain the character U+0000",
	} {
		var r Rules
		r.Line("field", value, 1, 3)
		got := ""
		if len(r.broken) > 0 {
			got = r.broken[0].Message
		}
		if got != want || len(r.broken) > 1 {
			t.Errorf("%q: %q, want %q", value, r.broken, want)
		}
	}
}
