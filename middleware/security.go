package middleware

import (
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/helmet"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services/problem"
)

// Everything comes from ourselves, nothing is inline, and nobody frames us.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; object-src 'none'"

// SecurityHeaders sets helmet's headers and a strict Content-Security-Policy.
// With https it also asks browsers to come back to this host by https only, for a
// year. Helmet is asked once, since what it sets depends on the protocol alone. It
// stands first: the answer gets a copy of the whole header.
func SecurityHeaders() fiber.Handler {
	plain, encrypted := helmetHeader("http"), helmetHeader("https")
	return func(c *fiber.Ctx) error {
		header := plain
		if protocol(c) == "https" {
			header = encrypted
		}
		header.CopyTo(&c.Response().Header)
		return c.Next()
	}
}

// helmetHeader returns the header of an answer by that protocol that has passed helmet.
func helmetHeader(protocol string) *fasthttp.ResponseHeader {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(helmet.New(helmet.Config{
		ContentSecurityPolicy: contentSecurityPolicy,
		XFrameOptions:         "DENY",
		// Helmet's default, no-referrer, makes a browser post forms as from nowhere
		// (Origin: null), which SameOrigin has to refuse where https is not spoken.
		ReferrerPolicy:        "same-origin",
		HSTSMaxAge:            365 * 24 * 60 * 60,
		HSTSExcludeSubdomains: true, // they may be other people's
		// Helmet's default, require-corp, breaks every picture from elsewhere.
		CrossOriginEmbedderPolicy: "unsafe-none",
	}))
	app.Use(func(*fiber.Ctx) error { return nil })
	var request fasthttp.RequestCtx
	request.Request.Header.Set(fiber.HeaderXForwardedProto, protocol)
	app.Handler()(&request)
	header := new(fasthttp.ResponseHeader)
	request.Response.Header.CopyTo(header)
	return header
}

var errCrossOrigin = &problem.Error{Code: problem.Forbidden, Message: "This request came from another site."}

// SameOrigin refuses what another site makes a browser send, by the rule of the
// standard library: Sec-Fetch-Site decides, else Origin against Host. Requests
// with neither are no browser's. Safe methods pass.
func SameOrigin() fiber.Handler {
	protection := http.NewCrossOriginProtection()
	return func(c *fiber.Ctx) error {
		switch c.Method() {
		case fiber.MethodGet, fiber.MethodHead, fiber.MethodOptions:
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
}
