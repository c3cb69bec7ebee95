package request

import (
	"fmt"
	"runtime/debug"

	"github.com/gofiber/fiber/v2"
)

// Recover turns a panic of a handler into an error with the stack, which the error handler
// logs. Fiber's own would log it a second time, and would answer a panic with a
// problem.Error like that error.
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
