package rest

import "github.com/gofiber/fiber/v2"

// ProblemType is the content type of a Problem.
const ProblemType = "application/problem+json"

// ErrorFormat is the form of every error's body. The zero value is a [Problem], RFC 9457.
//
//	rest.ErrorFormat{ContentType: "application/json", Body: func(p rest.Problem) any {
//		return failure{Code: p.Status, Text: p.Detail}
//	}}
type ErrorFormat struct {
	ContentType string
	Body        func(p Problem) any // always of one type, which the API document describes
}

// Of returns the body of an error, and its content type.
func (f ErrorFormat) Of(p Problem) (body any, contentType string) {
	if f.Body == nil {
		return p, ProblemType
	}
	return f.Body(p), f.ContentType
}

func (f ErrorFormat) send(c *fiber.Ctx, p Problem) error {
	body, contentType := f.Of(p)
	return c.JSON(body, contentType)
}
