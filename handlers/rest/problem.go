package rest

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

// Problem is an error as clients see it, RFC 9457. It is the body, unless an [ErrorFormat]
// gives that another form.
type Problem struct {
	Type     string               `json:"type"`
	Title    string               `json:"title"`
	Status   int                  `json:"status"`
	Detail   string               `json:"detail,omitempty"`
	Instance string               `json:"instance,omitempty"`
	Errors   []problem.FieldError `json:"errors,omitempty"`
}

// A 401 must name a scheme, RFC 9110, section 15.5.2. No registered scheme is by cookie,
// so this name is invented; browsers ignore unknown ones. A guard may name another one.
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

// ErrorPage answers with the problem in another form than JSON, where the client wants
// that, and reports whether it did.
type ErrorPage func(c *fiber.Ctx, p Problem) (done bool, err error)

// ErrorHandler turns every error, also Fiber's and unexpected ones, into a Problem, and
// answers with it in the format. It is the only place that logs the cause of a failed request; clients see only the
// text of a problem.Error. The page may be nil.
func ErrorHandler(log *slog.Logger, page ErrorPage, format ErrorFormat) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		p := Describe(c, err)
		switch {
		case errors.Is(err, writes.ErrInvalid):
			log.WarnContext(c.UserContext(), "PostgreSQL refused a value that the rules let pass; add a rule", "error", err)
		case p.Status == fiber.StatusServiceUnavailable:
			log.WarnContext(c.UserContext(), "request not served", "error", err)
		case p.Status == fiber.StatusInternalServerError: // not 501 and 502, which the client causes
			log.ErrorContext(c.UserContext(), "request failed", "error", err)
		}
		seenByMiddleware := len(c.Response().Header.Peek(fiber.HeaderXRequestID)) > 0
		if !seenByMiddleware {
			replaceMiddleware(c, log, p.Status)
		}
		p.Instance = string(c.Context().URI().PathOriginal())
		c.Response().Header.Del(fiber.HeaderETag)
		c.Status(p.Status)
		if seenByMiddleware && page != nil {
			done, err := page(c, p)
			if err != nil {
				log.ErrorContext(c.UserContext(), "error page not rendered", "error", err)
			} else if done {
				return nil
			}
		}
		return format.send(c, p)
	}
}

// replaceMiddleware does what the middleware does for a request that did not reach it: one
// that is not HTTP, too large, or of an unknown method.
func replaceMiddleware(c *fiber.Ctx, log *slog.Logger, status int) {
	id := tracing.NewID()
	c.Set(fiber.HeaderXRequestID, id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	log.Info("request refused", "status", status, "request_id", id)
}

// Describe returns the error as clients may see it, and sets the headers that belong to
// it. For handlers that show errors themselves, as forms do.
func Describe(c *fiber.Ctx, err error) Problem {
	p, retryAfter := problemOf(err)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if p.Status == fiber.StatusUnauthorized && len(c.Response().Header.Peek(fiber.HeaderWWWAuthenticate)) == 0 {
		c.Set(fiber.HeaderWWWAuthenticate, challenge)
	}
	if retryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(retryAfter))
	}
	return p
}

func problemOf(err error) (p Problem, retryAfter int) {
	p = Problem{Type: "about:blank", Status: fiber.StatusInternalServerError, Detail: somethingWrong}
	if e, ok := errors.AsType[*problem.Error](err); ok && e.Code != problem.Internal {
		p.Status, p.Detail, p.Errors = statusOf[e.Code], e.Message, e.Fields
		retryAfter = int(math.Ceil(e.RetryAfter.Seconds()))
	} else if e, ok := errors.AsType[*fiber.Error](err); ok {
		p.Status, p.Detail = e.Code, detailOf[e.Code]
	} else if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		p.Status, p.Detail, retryAfter = fiber.StatusServiceUnavailable, problem.ErrUnavailable.Message, 2
	}
	p.Title = http.StatusText(p.Status)
	return p, retryAfter
}

// detailOf has texts of our own, since Fiber's quote the request and the parser's errors.
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
	fiber.StatusGatewayTimeout:              "There is no cached answer, and the request accepts no other.",
}
