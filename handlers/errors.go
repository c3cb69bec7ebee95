package handlers

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/services/problem"
	"example.com/prefab/services/tracing"
	"example.com/prefab/services/writes"
)

// Problem is the body of every error, RFC 9457.
type Problem struct {
	Type     string               `json:"type"`
	Title    string               `json:"title"`
	Status   int                  `json:"status"`
	Detail   string               `json:"detail,omitempty"`
	Instance string               `json:"instance,omitempty"`
	Errors   []problem.FieldError `json:"errors,omitempty"`
}

const problemType = "application/problem+json"

// A 401 has to name a way to sign in, RFC 9110, section 15.5.2. No registered
// scheme is by cookie, so this name is made up; browsers ignore those that they do not know.
const challenge = `Cookie realm="prefab"`

const somethingWrong = "Something went wrong."

var statusOf = map[problem.Code]int{
	problem.Internal:         fiber.StatusInternalServerError,
	problem.Malformed:        fiber.StatusBadRequest,
	problem.Invalid:          fiber.StatusUnprocessableEntity,
	problem.UnsupportedMedia: fiber.StatusUnsupportedMediaType,
	problem.Unauthenticated:  fiber.StatusUnauthorized,
	problem.Forbidden:        fiber.StatusForbidden,
	problem.NotFound:         fiber.StatusNotFound,
	problem.Conflict:         fiber.StatusConflict,
	problem.Stale:            fiber.StatusPreconditionFailed,
	problem.TooMany:          fiber.StatusTooManyRequests,
	problem.Unavailable:      fiber.StatusServiceUnavailable,
}

// ErrorHandler turns every error, ours, Fiber's and the unforeseen, into a
// Problem, which a browser gets as a page. It is the only place that logs a failed
// request's cause, and what is not a problem.Error never reaches the client.
func ErrorHandler(log *slog.Logger) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		problem, retryAfter := problemOf(err)
		switch {
		case errors.Is(err, writes.ErrBad):
			log.WarnContext(c.UserContext(), "PostgreSQL refused a value that the rules let pass; add a rule", "error", err)
		case problem.Status == fiber.StatusUnauthorized:
			c.Set(fiber.HeaderWWWAuthenticate, challenge)
		case problem.Status == fiber.StatusServiceUnavailable:
			log.WarnContext(c.UserContext(), "request not served", "error", err)
		case problem.Status == fiber.StatusInternalServerError: // not 501 and 502, which are the client's doing
			log.ErrorContext(c.UserContext(), "request failed", "error", err)
		}
		setRetryAfter(c, retryAfter)
		isEarly := len(c.Response().Header.Peek(fiber.HeaderXRequestID)) == 0
		if isEarly {
			early(c, log, problem.Status)
		}
		problem.Instance = string(c.Context().URI().PathOriginal())
		c.Set(fiber.HeaderCacheControl, "no-store")
		c.Response().Header.Del(fiber.HeaderETag)
		if c.Status(problem.Status); !isEarly && wantsPage(c) {
			if err = showProblem(c, problem); err == nil {
				return nil
			}
			log.ErrorContext(c.UserContext(), "error page not rendered", "error", err)
		}
		return c.JSON(problem, problemType)
	}
}

func setRetryAfter(c *fiber.Ctx, seconds int) {
	if seconds > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	}
}

// early does what the middleware does for a request that did not get there: one
// that is no HTTP, too large, or of an unknown method.
func early(c *fiber.Ctx, log *slog.Logger, status int) {
	id := tracing.NewID()
	c.Set(fiber.HeaderXRequestID, id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	log.Info("request refused", "status", status, "request_id", id)
}

func problemOf(err error) (p Problem, retryAfter int) {
	p = Problem{Type: "about:blank", Status: fiber.StatusInternalServerError, Detail: somethingWrong}
	if ours, ok := errors.AsType[*problem.Error](err); ok && ours.Code != problem.Internal {
		p.Status, p.Detail, p.Errors = statusOf[ours.Code], ours.Message, ours.Fields
		retryAfter = int(math.Ceil(ours.RetryAfter.Seconds()))
	} else if fibers, ok := errors.AsType[*fiber.Error](err); ok {
		p.Status, p.Detail = fibers.Code, detailOf[fibers.Code]
	} else if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		p.Status, p.Detail, retryAfter = fiber.StatusServiceUnavailable, problem.ErrUnavailable.Message, 2
	}
	p.Title = http.StatusText(p.Status)
	return p, retryAfter
}

// Fiber's own texts quote the request and the parser's errors.
var detailOf = map[int]string{
	fiber.StatusNotFound:                    "There is nothing at this address.",
	fiber.StatusMethodNotAllowed:            "This address does not take that method; see the Allow header.",
	fiber.StatusRequestEntityTooLarge:       "The body is larger than this service takes.",
	fiber.StatusRequestHeaderFieldsTooLarge: "The header is larger than this service takes.",
	fiber.StatusRequestTimeout:              "The request took too long to arrive.",
	fiber.StatusBadRequest:                  "The request is not valid HTTP.",
	fiber.StatusNotImplemented:              "This service does not know that method.",
	fiber.StatusInternalServerError:         somethingWrong,
	fiber.StatusHTTPVersionNotSupported:     "This answer is streamed, which takes HTTP/1.1.",
	fiber.StatusGatewayTimeout:              "There is no cached answer, and the request wants no other.",
}
