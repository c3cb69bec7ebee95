package handlers

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// wantsPage reports whether the client is a browser, at an address that is not the
// API's, and notes that the answer depends on it.
func wantsPage(c *fiber.Ctx) bool {
	if c.App().Config().Views == nil || strings.HasPrefix(c.Path(), "/api/") {
		return false
	}
	c.Vary(fiber.HeaderAccept)
	return c.Accepts(problemType, fiber.MIMEApplicationJSON, fiber.MIMETextHTML) == fiber.MIMETextHTML
}

// showProblem answers with the problem as a page. Who has to sign in to see a page
// is led to where they can.
func showProblem(c *fiber.Ctx, problem Problem) error {
	reads := c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead
	if problem.Status == fiber.StatusUnauthorized && reads {
		c.Response().Header.Del(fiber.HeaderWWWAuthenticate)
		return seeOther(c, loginURL(c.OriginalURL()))
	}
	return render(c, "problem", view{Title: problem.Title, Page: struct {
		Problem
		RequestID string
		From      string
	}{problem, string(c.Response().Header.Peek(fiber.HeaderXRequestID)), cameFrom(c)}})
}

// cameFrom returns the path of the page from which the request came, or "/".
func cameFrom(c *fiber.Ctx) string {
	referer, err := url.Parse(c.Get(fiber.HeaderReferer))
	if err != nil || referer.Host != string(c.Request().Host()) {
		return "/"
	}
	return localPath(referer.RequestURI())
}
