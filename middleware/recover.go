package middleware

import (
	"fmt"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"
)

// Recover turns a handler's panic into an error that holds the stack, for the
// error handler to log. Fiber's own would log it as well, and would let a panic
// with a problem.Error pass for that error.
func Recover() fiber.Handler {
	return func(c *fiber.Ctx) (err error) {
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("panic: %v\n%s", reason, debug.Stack())
			}
		}()
		return c.Next()
	}
}
