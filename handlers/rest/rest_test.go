package rest

import (
	"errors"
	"slices"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
)

// lampFields are a body of the tests' own resource.
type lampFields struct {
	Name  *string `json:"name"`
	Watts *int64  `json:"watts"`
	Note  *string `json:"note"`
}

var (
	errNoLamp    = &problem.Error{Code: problem.NotFound, Message: "No such lamp."}
	errStaleLamp = &problem.Error{Code: problem.Stale, Message: "The lamp has changed."}
)

// requests makes the contexts of requests outside any server. Release each after use.
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

// wantCode wants a problem.Error with one of the codes: anything else would be a 500.
func wantCode(t *testing.T, err error, codes ...problem.Code) *problem.Error {
	t.Helper()
	e, ok := errors.AsType[*problem.Error](err)
	if !ok || !slices.Contains(codes, e.Code) {
		t.Fatalf("error %v, want a problem.Error with a code of %v", err, codes)
	}
	return e
}
