package rest

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

func FuzzParseID(f *testing.F) {
	for _, s := range []string{
		"", "0", "1", "-1", "+1", "01", "1_0", "0x1", "1.0", "1e3", " 1", "1 ", "1\x00", "١",
		"9223372036854775807", "9223372036854775808", "18446744073709551617", strings.Repeat("9", 5000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// An id is taken in the one way in which we write it.
		want, err := strconv.ParseInt(s, 10, 64)
		isID := err == nil && want > 0 && strconv.FormatInt(want, 10) == s
		if got, ok := ParseID(s); ok != isID || ok && got != want {
			t.Errorf("%q: %d, %v; want %d, %v", s, got, ok, want, isID)
		}
	})
}

func TestPathText_IsALineOfItsOwn(t *testing.T) {
	app := fiber.New(fiber.Config{UnescapePath: true, ErrorHandler: ErrorHandler(slog.New(slog.DiscardHandler), nil)})
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
