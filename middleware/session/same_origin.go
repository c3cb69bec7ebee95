package session

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
)

var (
	errCrossOrigin = &problem.Error{Code: problem.Forbidden, Message: "This request came from another site."}

	protection = http.NewCrossOriginProtection()
)

// SameOrigin is the function SameOrigin for requests with a session's cookie. Requests
// without one pass, since a browser has nothing to lend to another site: an API with
// tokens can be used from any origin.
func (s *Sessions) SameOrigin(c *fiber.Ctx) error {
	if !s.HasCookie(c) {
		return c.Next()
	}
	return SameOrigin(c)
}

// SameOrigin refuses an unsafe request that another site makes a browser send, by the rule
// of the standard library: Sec-Fetch-Site decides, else Origin against Host. A request
// with neither does not come from a browser, and passes. Mount it on every route that
// starts a session, or another site could sign its visitors in as somebody else.
func SameOrigin(c *fiber.Ctx) error {
	if isSafe(c) {
		return c.Next()
	}
	err := protection.Check(&http.Request{
		Method: c.Method(),
		Host:   string(c.Request().Host()),
		URL:    &url.URL{},
		Header: http.Header{
			"Sec-Fetch-Site": {c.Get("Sec-Fetch-Site")},
			"Origin":         {c.Get(fiber.HeaderOrigin)},
		},
	})
	if err != nil {
		return errCrossOrigin
	}
	return c.Next()
}
