package request

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/helmet"
	"github.com/valyala/fasthttp"
)

// All content comes from this host, nothing is inline, and no other page may frame it.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; object-src 'none'"

// SecurityHeaders sets helmet's headers and a strict Content-Security-Policy. Over https
// it also tells browsers to use only https for this host, for a year. Helmet runs once per
// protocol, since its headers depend on nothing else. Mount it first: it replaces the
// answer's whole header.
func SecurityHeaders() fiber.Handler {
	plain, encrypted := helmetHeader("http"), helmetHeader("https")
	return func(c *fiber.Ctx) error {
		header := plain
		if c.Protocol() == "https" {
			header = encrypted
		}
		header.CopyTo(&c.Response().Header)
		return c.Next()
	}
}

// helmetHeader returns the header that helmet sets for the protocol.
func helmetHeader(protocol string) *fasthttp.ResponseHeader {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(helmet.New(helmet.Config{
		ContentSecurityPolicy: contentSecurityPolicy,
		XFrameOptions:         "DENY",
		// With helmet's default, no-referrer, browsers post forms with Origin: null, which
		// session.SameOrigin refuses without https.
		ReferrerPolicy:        "same-origin",
		HSTSMaxAge:            365 * 24 * 60 * 60,
		HSTSExcludeSubdomains: true, // they may belong to others
		// Helmet's default, require-corp, breaks pictures from other hosts.
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
