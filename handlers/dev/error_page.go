package dev

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/web"
	"example.com/prefab/services/tracing"
)

var errorPage = template.Must(template.ParseFS(files, "error.html"))

// errorView is the data of the error page.
type errorView struct {
	Error, RequestID    string
	Script              template.HTML
	Chain               []link
	Places              []place
	Stack               string // of a panic
	Method, Path, Route string
	Query, Headers      []pair
	Statements          tracing.First[tracing.Statement]
}

// link is one error of a chain.
type link struct{ Type, Text string }

type pair struct{ Name, Value string }

// ErrorHandler lets next log and answer the error. A browser on this machine then gets the
// cause of a status 500 instead of its answer.
func (t *Tools) ErrorHandler(next fiber.ErrorHandler) fiber.ErrorHandler {
	return func(c *fiber.Ctx, err error) error {
		c.Locals(errorKey{}, err) // for Record
		if failed := next(c, err); failed != nil {
			return failed
		}
		if c.Response().StatusCode() != fiber.StatusInternalServerError || !isLocal(c) || !web.WantsPage(c) {
			return nil
		}
		c.Response().ResetBody()
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return errorPage.Execute(c.Response().BodyWriter(), t.describe(c, err))
	}
}

func (t *Tools) describe(c *fiber.Ctx, err error) errorView {
	v := errorView{
		Error: err.Error(), RequestID: string(c.Response().Header.Peek(fiber.HeaderXRequestID)),
		Script: template.HTML(t.script()), //nolint:gosec // it holds nothing of a client
		Method: c.Method(), Path: c.Path(), Headers: headers(c), Query: query(c),
	}
	if trace := tracing.From(c.UserContext()); trace != nil {
		v.Route = trace.Route
		v.Statements = trace.Events().Kept().Statements
	}
	v.Chain, v.Stack = chain(err)
	v.Error = v.Chain[0].Text

	source := readSource(".")
	if v.Stack != "" {
		v.Places = append(v.Places, source.panicked(v.Stack)...)
	} else {
		for _, l := range v.Chain {
			v.Places = append(v.Places, source.made(l.Text)...)
		}
	}
	v.Places = append(v.Places, source.route(v.Route)...)
	return v
}

// chain lists an error and all that it wraps. The stack of a panic stands apart.
func chain(err error) (links []link, stack string) {
	var panicked interface{ Stack() []byte }
	if errors.As(err, &panicked) {
		stack = string(panicked.Stack())
	}
	var add func(err error)
	add = func(err error) {
		text := err.Error()
		if stack != "" {
			text = strings.ReplaceAll(text, "\n"+stack, "")
		}
		links = append(links, link{fmt.Sprintf("%T", err), text})
		switch e := err.(type) { //nolint:errorlint // each error of the chain, one after the other
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				add(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				add(inner)
			}
		}
	}
	add(err)
	return links, stack
}

// secret matches the names of headers and parameters whose values are not shown.
var secret = regexp.MustCompile(`(?i)cookie|auth|token|secret|password|session|key|code|signature`)

func masked(name, value string) pair {
	if secret.MatchString(name) {
		value = "(masked)"
	}
	return pair{name, value}
}

func headers(c *fiber.Ctx) (list []pair) {
	for name, value := range c.Request().Header.All() {
		text := string(value)
		if string(name) == fiber.HeaderReferer {
			text, _, _ = strings.Cut(text, "?") // its parameters may be secrets too
		}
		list = append(list, masked(string(name), text))
	}
	return list
}

func query(c *fiber.Ctx) (list []pair) {
	for part := range strings.SplitSeq(string(c.Request().URI().QueryString()), "&") {
		name, value, _ := strings.Cut(part, "=")
		decoded, err := url.QueryUnescape(name)
		if err != nil {
			decoded = name
		}
		if part != "" {
			list = append(list, masked(decoded, value))
		}
	}
	return list
}
