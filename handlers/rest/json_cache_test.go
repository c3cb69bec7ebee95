package rest

import (
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/tracing"
)

// counted is JSON that knows how often it was made.
type counted struct {
	text string
	made *int
}

func (v counted) MarshalJSON() ([]byte, error) {
	*v.made++
	return []byte(`"` + v.text + `"`), nil
}

func TestJSONCache_EncodesAgainOnlyForOtherValues(t *testing.T) {
	answers, made := NewJSONCache(1<<16), 0
	var trace *tracing.Trace
	text := ""
	app := fiber.New()
	app.Get("/*", func(c *fiber.Ctx) error {
		c.SetUserContext(tracing.With(c.UserContext(), trace))
		return answers.Send(c, 7, counted{text, &made})
	})
	reading := func(ids ...uint64) *tracing.Trace {
		trace := new(tracing.Trace)
		for _, id := range ids {
			trace.Read(id)
		}
		return trace
	}
	asking := reading(1, 2)
	asking.CountQuery()
	etags := make(map[string]bool)
	for _, c := range []struct {
		what, path, text string
		trace            *tracing.Trace
		made             int
	}{
		{"first", "/a", "x", reading(1, 2), 1},
		{"the same values", "/a", "x", reading(2, 1), 1},
		{"another path", "/b", "x", reading(1, 2), 2},
		{"another query", "/a?limit=1", "x", reading(1, 2), 3},
		{"other values", "/a", "y", reading(1, 3), 4},
		{"other values of the same sum", "/a", "z", reading(2, 2), 5},
		{"what the database gives", "/a", "q", asking, 6},
		{"nothing that is cached", "/a", "r", reading(), 7},
		{"no trace", "/a", "s", nil, 8},
		{"the values of before", "/a", "z", reading(2, 2), 8},
	} {
		trace, text = c.trace, c.text
		response, err := app.Test(httptest.NewRequest("GET", c.path, nil))
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 10)
		n, _ := response.Body.Read(body)
		_ = response.Body.Close()
		if string(body[:n]) != `"`+c.text+`"` || made != c.made || response.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s, made %d times, want %q and %d", c.what, body[:n], made, c.text, c.made)
		}
		if lines := response.Header.Values("ETag"); len(lines) != 1 {
			t.Errorf("%s: the ETags are %v", c.what, lines)
		}
		etags[response.Header.Get("ETag")] = true
	}
	if len(etags) != 6 || etags[""] {
		t.Errorf("%d texts have the ETags %v", 6, etags)
	}
}
