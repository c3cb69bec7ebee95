package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// lampsQuery is what a list of lamps reads of its query.
func lampsQuery(c *fiber.Ctx) (room int64, limit int, after Position, ids []int64, err error) {
	q, err := ReadQuery(c, "room", "limit", "after", "ids")
	if err != nil {
		return 0, 0, after, nil, err
	}
	if _, ok := q["ids"]; ok {
		ids, err = q.IDs("ids", 100)
		return 0, 0, after, ids, err
	}
	var roomErr, limitErr, afterErr error
	room, roomErr = q.ID("room")
	limit, limitErr = q.Limit(20, 100)
	after, afterErr = q.After()
	return room, limit, after, nil, errors.Join(roomErr, limitErr, afterErr)
}

func TestQuery_ReadsParameters(t *testing.T) {
	all := newRequests()
	after := Position{CreatedAt: Position{}.CreatedAt.AddDate(2025, 0, 0), ID: 8}
	for query, want := range map[string]string{
		"":                    "room 0, limit 20, after 0, ids []",
		"limit=&room=&after=": "room 0, limit 20, after 0, ids []",
		"room=9&limit=100&&after=" + after.Cursor(): "room 9, limit 100, after 8, ids []",
		"limit=%31":                              "room 0, limit 1, after 0, ids []",
		"%6cimit=5":                              "room 0, limit 5, after 0, ids []",
		"ids=3,1%2C2":                            "room 0, limit 0, after 0, ids [3 1 2]",
		"limit=0":                                "limit: must be from 1 to 100.",
		"limit=101":                              "limit: must be from 1 to 100.",
		"limit=+5":                               "limit: must be from 1 to 100.",
		"limit=05":                               "limit: must be from 1 to 100.",
		"limit=1_0":                              "limit: must be from 1 to 100.",
		"limit=%2B5":                             "limit: must be from 1 to 100.",
		"limit=%D9%A1":                           "limit: must be from 1 to 100.",
		"limit=1&limit=1":                        "limit: is given twice.",
		"room=0":                                 "room: must be a whole number from 1 to 9223372036854775807.",
		"room=9223372036854775808":               "room: must be a whole number from 1 to 9223372036854775807.",
		"after=x":                                "after: must be the nextCursor of an earlier page.",
		"ids=":                                   "ids: must be ids separated by commas.",
		"ids=1,a":                                "ids: must be ids separated by commas.",
		"ids=" + strings.Repeat("1,", 100) + "1": "ids: must not list more than 100 ids.",
		"&&&":                                    "room 0, limit 20, after 0, ids []",
		"=":                                      "room 0, limit 20, after 0, ids []",
		"=1":                                     ": is not a known parameter.",
		strings.Repeat("x", 500):                 strings.Repeat("x", maxNameEchoed) + ": is not a known parameter.",
		"LIMIT=1":                                "LIMIT: is not a known parameter.",
		"limit=1;room=2":                         "limit: must be from 1 to 100.",
		"limit=%zz":                              "limit: must be from 1 to 100.",
		"after=%ff":                              "after: must be UTF-8.",
		"after=%E2%80%8B":                        "after: must not contain the character U+200B.",
	} {
		c := all.post(nil, nil)
		c.Context().URI().SetQueryString(query)
		room, limit, position, ids, err := lampsQuery(c)
		got := fmt.Sprintf("room %d, limit %d, after %d, ids %v", room, limit, position.ID, ids)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasSuffix(got, want) || position.ID != 0 && position != after {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		all.release(c)
	}
	c := all.post(nil, nil)
	defer all.release(c)
	c.Context().URI().SetQueryString("utm_source=mail&after=a&%ff=1&utm_source=mail") // pages ignore what is not theirs
	if q, err := ReadPageQuery(c, "after"); err != nil || len(q) != 1 || q["after"] != "a" {
		t.Errorf("%v, error %v", q, err)
	}
}

func TestQuery_ReadsWholeNumbersInOneSpelling(t *testing.T) {
	for given, want := range map[string]int64{"": 7, "-2": -2, "0": 0, "9": 9} {
		if n, err := (Query{"offset": given}).Int("offset", 7, -2, 9); n != want || err != nil {
			t.Errorf("%q: %d, error %v", given, n, err)
		}
	}
	if n, err := (Query{}).Int("offset", 7, 0, 9); n != 7 || err != nil {
		t.Errorf("absent: %d, error %v", n, err)
	}
	for _, given := range []string{"-3", "10", "+1", "01", "-0", "1.5", "1e1", " 1", "x", "9223372036854775808"} {
		_, err := Query{"offset": given}.Int("offset", 7, -2, 9)
		if err == nil || !strings.HasSuffix(err.Error(), "offset: must be from -2 to 9.") {
			t.Errorf("%q: error %v", given, err)
		}
	}
}

func TestPathText_IsALineOfItsOwn(t *testing.T) {
	app := fiber.New(fiber.Config{UnescapePath: true, ErrorHandler: ErrorHandler(slog.New(slog.DiscardHandler), nil, ErrorFormat{})})
	var kept []string
	app.Get("/articles/:slug", func(c *fiber.Ctx) error {
		slug, err := PathText(c, "slug", 10)
		kept = append(kept, slug)
		return err
	})
	for path, status := range map[string]int{
		"caf%C3%A9-x": 200, "plain": 200, "a%20b": 200, "a%2Bb": 200, "100%25": 200,
		"12345678901": 422, "%20": 422, "%00": 422, "%ff": 422, "a%0Ab": 422, "a%E2%80%AEb": 422, "%ED%A0%80": 422,
	} {
		response, err := app.Test(httptest.NewRequest("GET", "/articles/"+path, nil), -1)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		want, _ := url.PathUnescape(path)
		if response.StatusCode != status || kept[len(kept)-1] != want {
			t.Errorf("%s: status %d, %q", path, response.StatusCode, kept[len(kept)-1])
		}
	}
	var request fasthttp.RequestCtx
	request.Request.SetRequestURI("/articles/one")
	app.Handler()(&request)
	request.Request.SetRequestURI("/articles/two") // into the same memory
	app.Handler()(&request)
	if got := kept[len(kept)-2:]; !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("what was kept is %q", got)
	}
}
