package request

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"
)

// preflightAge is how long browsers may remember what a preflight allows; Chromium takes no
// more.
const preflightAge = 2 * time.Hour

// exposed are the headers that scripts may read, beside those that they always may.
var exposed = []string{
	fiber.HeaderETag, fiber.HeaderLocation, "RateLimit", "RateLimit-Policy", fiber.HeaderRetryAfter,
	fiber.HeaderWWWAuthenticate, headerRequestID,
}

// CORS lets pages of other origins call the service: of these origins, or of all for "*".
// Without any it does nothing. Credentials are never allowed: a browser sends no cookie, and
// a script that wants to act for a user sends a token. Any request header is allowed, since
// no header but a cookie is sent without the script's doing. Mount it behind Trace and
// outside of everything that can refuse a request, since browsers hide an error without its
// headers from scripts.
func CORS(origins []string) fiber.Handler {
	if len(origins) == 0 {
		return func(c *fiber.Ctx) error { return c.Next() }
	}
	return cors.New(cors.Config{
		AllowOrigins:  strings.Join(origins, ","),
		ExposeHeaders: strings.Join(exposed, ","),
		MaxAge:        int(preflightAge.Seconds()),
	})
}
