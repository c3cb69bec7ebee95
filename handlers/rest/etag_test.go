package rest

import (
	"errors"
	"testing"

	"github.com/gofiber/fiber/v2"
)

func TestIfMatch(t *testing.T) {
	all := newRequests()
	for header, want := range map[string]int64{ // -1: stale
		"": -1, ",": -1, `"3-abc`: -1, `"3-abc" "3-def"`: -1, `"3-abc",`: 3, "*": 0, " * ": 0, `"3-abc"`: 3, `"3-abc-br"`: 3, ` "3-abc" , "3-def" `: 3, `"9223372036854775807-a"`: 1<<63 - 1,
		`"3-abc", "4-def"`: -1, `W/"3-abc"`: -1, `"x"`: -1, `"0-abc"`: -1, `3-abc`: -1, `"3-abc", *`: -1, `""`: -1, `"3`: -1, `"-3-abc"`: -1, `"03-abc"`: -1, `"9223372036854775808-a"`: -1, `W/`: -1,
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
