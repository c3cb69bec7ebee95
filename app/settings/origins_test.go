package settings_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/prefab/app/settings"
)

func TestOrigins_AreExactOrAll(t *testing.T) {
	for text, want := range map[string][]string{
		"":                  nil,
		"*":                 {"*"},
		"https://a.example": {"https://a.example"},
		"https://a.example, http://localhost:5173,http://[::1]:3000": {"https://a.example", "http://localhost:5173", "http://[::1]:3000"},
		"https://xn--bcher-kva.example":                              {"https://xn--bcher-kva.example"},
	} {
		var o settings.Origins
		err := o.UnmarshalText([]byte(text))
		if wrong := want == nil && text != ""; (err != nil) != wrong || !wrong && !slices.Equal(o, want) {
			t.Errorf("%q: %v, error %v", text, o, err)
		}
		if err == nil && o.String() != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%q prints as %s", text, o)
		}
	}
	for _, text := range []string{
		"https://a.example/", "https://a.example/path", "a.example", "https://*.example", "*,https://a.example", "null",
		"https://A.example", "https://bücher.example", "https://a.example:443", "http://a.example:80", "https://a.example,",
		"ftp://a.example", "https://user@a.example", "https://a.example?x", "https://", "https://a.example:0", "https://a b.example",
	} {
		if err := new(settings.Origins).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken, which no browser sends", text)
		}
	}
}
