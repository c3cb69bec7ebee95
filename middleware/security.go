package middleware

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/helmet"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"example.com/prefab/services"
)

// Everything comes from ourselves, nothing is inline, and nobody frames us.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; object-src 'none'"

// SecurityHeaders sets helmet's headers and a strict Content-Security-Policy.
// With https it also asks browsers to come back to this host by https only, for a
// year. Helmet is asked once: what it sets depends on the protocol alone.
func SecurityHeaders() fiber.Handler {
	plain, encrypted := helmetFields("http"), helmetFields("https")
	return func(c *fiber.Ctx) error {
		fields := plain
		if protocol(c) == "https" {
			fields = encrypted
		}
		for _, field := range fields {
			setHeader(&c.Response().Header, field.Name, utils.UnsafeBytes(field.Value))
		}
		return c.Next()
	}
}

// helmetFields returns what helmet sets in an answer by that protocol.
func helmetFields(protocol string) []HeaderField {
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
	var fields []HeaderField
	app.Use(func(c *fiber.Ctx) error {
		fields = responseFields(c)
		return nil
	})
	var request fasthttp.RequestCtx
	request.Request.Header.Set(fiber.HeaderXForwardedProto, protocol)
	app.Handler()(&request)
	return slices.DeleteFunc(fields, func(f HeaderField) bool { return f.Name == fiber.HeaderContentType })
}

var errCrossOrigin = &services.Error{Code: services.Forbidden, Message: "This request came from another site."}

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
