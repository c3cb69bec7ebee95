package httpcache

import (
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cache"

	"example.com/prefab/middleware/negotiate"
)

// Fiber returns Fiber's own cache middleware, for a route whose answer is the same for
// everybody, depends on the path alone, and is changed by no write. It stores the body with
// its type and encoding, per path and encoding. It has no tags, so an answer may be as old
// as ttl; it does not store other fields or Cache-Control; a process reads the storage for
// one request after the other; and each of concurrent misses runs the handler. If any of
// that matters, use Cache. It counts seconds: with a shorter ttl it is off.
func Fiber(storage fiber.Storage, ttl time.Duration) fiber.Handler {
	if ttl < time.Second {
		return func(c *fiber.Ctx) error { return c.Next() }
	}
	cached := cache.New(cache.Config{
		Storage: storage, Expiration: ttl, CacheHeader: "X-Cache",
		KeyGenerator: func(c *fiber.Ctx) string { return c.Path() + "_" + negotiate.Encoding(c) },
		Next:         func(c *fiber.Ctx) bool { return c.Response().StatusCode() != fiber.StatusOK },
	})
	return func(c *fiber.Ctx) error {
		if !isRead(c) || negotiate.IsPrivate(c) { // private answers are not compressed
			return c.Next()
		}
		err := cached(c)
		response := c.Response()
		hit := string(response.Header.Peek("X-Cache")) == "hit"
		response.Header.Del("X-Cache")
		if hit && len(response.Body()) == 0 { // the storage has evicted the body alone
			response.Header.Del(fiber.HeaderContentEncoding)
			err = c.Next()
		}
		c.Vary(fiber.HeaderAcceptEncoding)
		return err
	}
}
