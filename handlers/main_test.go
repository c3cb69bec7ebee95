package handlers

import (
	"errors"
	"slices"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
)

// requests makes requests' contexts outside any server. Release each after use.
type requests struct{ app *fiber.App }

func newRequests() requests { return requests{fiber.New()} }

func (r requests) post(body []byte, headers map[string]string) *fiber.Ctx {
	c := r.app.AcquireCtx(&fasthttp.RequestCtx{})
	c.Request().Header.SetMethod(fiber.MethodPost)
	for name, value := range headers {
		c.Request().Header.Set(name, value)
	}
	c.Request().SetBody(body)
	return c
}

func (r requests) release(c *fiber.Ctx) { r.app.ReleaseCtx(c) }

// hasCode asks for a problem.Error with one of the codes: it is what the client
// is told, and anything else would be a 500.
func hasCode(t *testing.T, err error, codes ...problem.Code) *problem.Error {
	t.Helper()
	ours, ok := errors.AsType[*problem.Error](err)
	if !ok || !slices.Contains(codes, ours.Code) {
		t.Fatalf("error %v, want a problem.Error with a code of %v", err, codes)
	}
	return ours
}
