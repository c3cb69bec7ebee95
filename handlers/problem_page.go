package handlers

import (
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
	if problem.Status == fiber.StatusUnauthorized && c.Method() == fiber.MethodGet {
		return seeOther(c, loginURL(c.OriginalURL()))
	}
	return render(c, "problem", view{Title: problem.Title, Page: struct {
		Problem
		RequestID string
	}{problem, string(c.Response().Header.Peek(fiber.HeaderXRequestID))}})
}
