package middleware

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cache"
)

// FiberCache is Fiber's own cache middleware, for a route whose answer is the same for
// everybody, depends on the path alone, and is changed by no write. It keeps the body
// with its type and encoding, for each path and negotiated encoding. What it lacks:
// there are no tags, so an answer is as old as ttl allows; the handler's other fields
// and its Cache-Control are not kept; a process reads the storage for one request after
// the other; and each of concurrent misses runs the handler. Where any of that matters,
// take Cache. With a ttl below a second, in which it counts, nothing is kept.
func FiberCache(storage fiber.Storage, ttl time.Duration) fiber.Handler {
	if ttl < time.Second {
		return func(c *fiber.Ctx) error { return c.Next() }
	}
	cached := cache.New(cache.Config{
		Storage: storage, Expiration: ttl, CacheHeader: headerXCache,
		KeyGenerator: func(c *fiber.Ctx) string { return c.Path() + "_" + negotiate(c) },
		Next:         func(c *fiber.Ctx) bool { return c.Response().StatusCode() != fiber.StatusOK }, // keeps nothing
	})
	return func(c *fiber.Ctx) error {
		if !readable(c) || personal(c) { // the answer to a session is not compressed
			return c.Next()
		}
		err := cached(c)
		response := c.Response()
		hit := string(response.Header.Peek(headerXCache)) == "hit"
		response.Header.Del(headerXCache)
		if hit && len(response.Body()) == 0 { // the storage has dropped it, and not the rest
			response.Header.Del(fiber.HeaderContentEncoding)
			err = c.Next()
		}
		addVary(&response.Header, fiber.HeaderAcceptEncoding)
		return err
	}
}
