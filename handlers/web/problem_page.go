package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
)

// ProblemView is the data of an error page.
type ProblemView struct {
	rest.Problem
	RequestID string
	From      string // the path of the page where the request came from, or "/"
}

// ProblemPage shows errors to browsers as pages, by the given function; addresses below
// /api/ answer with JSON. A visitor who has to sign in to see a page is redirected to the
// address that login returns for the page's own.
func ProblemPage(login func(next string) string, show func(*fiber.Ctx, ProblemView) error) rest.ErrorPage {
	return func(c *fiber.Ctx, p rest.Problem) (done bool, err error) {
		if !WantsPage(c) {
			return false, nil
		}
		isRead := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
		if p.Status == fiber.StatusUnauthorized && isRead {
			c.Response().Header.Del(fiber.HeaderWWWAuthenticate)
			return true, SeeOther(c, login(c.OriginalURL()))
		}
		return true, show(c, ProblemView{p, string(c.Response().Header.Peek(fiber.HeaderXRequestID)), cameFrom(c)})
	}
}

// WantsPage reports whether an error is to be answered with a page: the client prefers
// HTML, and the address is not below /api/.
func WantsPage(c *fiber.Ctx) bool {
	if strings.HasPrefix(c.Path(), "/api/") {
		return false
	}
	c.Vary(fiber.HeaderAccept)
	return c.Accepts(rest.ProblemType, fiber.MIMEApplicationJSON, fiber.MIMETextHTML) == fiber.MIMETextHTML
}

func cameFrom(c *fiber.Ctx) string {
	referer, err := url.Parse(c.Get(fiber.HeaderReferer))
	if err != nil || referer.Host != string(c.Request().Host()) {
		return "/"
	}
	return LocalPath(referer.RequestURI())
}
