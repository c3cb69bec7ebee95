package rest

import (
	"errors"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

var etagSeeds = []string{
	"", "*", " * ", `"3-abc"`, `W/"3-abc"`, `"3-abc", "3-def"`, `"3-abc","4-def"`, `"3-abc", *`, `"3`, `3-abc`, `"-3-abc"`,
	`"0-abc"`, `"03-abc"`, `"9223372036854775808-a"`, `"a,b"`, `,`, `""`, `W/`, "\x00", strings.Repeat(`"1-a",`, 5000),
}

func TestIfMatch(t *testing.T) {
	all := newRequests()
	for header, want := range map[string]int64{ // -1: stale
		"": -1, ",": -1, `"3-abc`: -1, `"3-abc" "3-def"`: -1, `"3-abc",`: 3, "*": 0, " * ": 0, `"3-abc"`: 3, `"3-abc-br"`: 3, ` "3-abc" , "3-def" `: 3, `"9223372036854775807-a"`: 1<<63 - 1,
		`"3-abc", "4-def"`: -1, `W/"3-abc"`: -1, `"x"`: -1, `"0-abc"`: -1, `3-abc`: -1, `"3-abc", *`: -1, `""`: -1,
	} {
		c := all.post(nil, map[string]string{fiber.HeaderIfMatch: header})
		got, err := IfMatch(c, errStaleLamp)
		all.release(c)
		if errors.Is(err, errStaleLamp) != (want == -1) || want != -1 && (got != want || err != nil) {
			t.Errorf("%s: %d, error %v, want %d", header, got, err, want)
		}
	}
	c := all.post(nil, nil)
	defer all.release(c)
	if got, err := IfMatch(c, errStaleLamp); got != 0 || err != nil {
		t.Errorf("without the header: %d, error %v", got, err)
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range etagSeeds {
		f.Add(seed)
	}
	all := newRequests()
	f.Fuzz(func(t *testing.T, header string) {
		c := all.post(nil, map[string]string{fiber.HeaderIfMatch: header})
		defer all.release(c)
		given := strings.TrimSpace(c.Get(fiber.HeaderIfMatch))
		version, err := IfMatch(c, errStaleLamp)
		switch {
		case err != nil:
			if !errors.Is(err, errStaleLamp) || version != 0 {
				t.Errorf("%q: version %d, error %v", header, version, err)
			}
		case version < 0:
			t.Errorf("%q: version %d", header, version)
		case version == 0 && given != "" && given != "*":
			t.Errorf("%q has a condition, and none is applied", header)
		}
	})
}
