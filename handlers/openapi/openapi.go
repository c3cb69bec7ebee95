// Package openapi makes the OpenAPI 3.1 document of a service from a list of its operations
// and from Go types. What follows from facts is not written: an operation for admins can
// answer 401 and 403, one with an id in its path 404, one with a body 400, 413 and 415.
//
//	document := openapi.Document{Title: "Shop", Groups: []openapi.Group{{
//		Tag: "lamps", Description: "Lamps: public to read, written by admins.",
//		Operations: []openapi.Operation{
//			{ID: "showLamp", Method: "GET", Path: "/api/v1/lamps/{id}", Summary: "Read a lamp",
//				Answer: services.Lamp{}, Versioned: true},
//			{ID: "createLamp", Method: "POST", Path: "/api/v1/lamps", Summary: "Add a lamp", Guard: openapi.Admin,
//				Body: services.LampFields{}, Answer: services.Lamp{}, Versioned: true},
//		},
//	}}}
//	text, err := document.JSON()
//
// Types are described by their fields' types and tags: json, doc (a description, or - to leave
// the field out), format, enum, minimum, exclusiveMinimum, maximum, minLength, maxLength,
// minItems, maxItems and uniqueItems. What a type's method Rules(*problem.Rules) checks is
// added, also of objects and items within, and holds for its row too: that of LampFields
// for Lamp. A field of type int64 that
// is named id, or ends with Id, is an ID; nextCursor is a Cursor.
package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/rest"
)

// Document describes a service.
type Document struct {
	Title, Summary, Description string
	Cookie                      string // the name of the session's
	Errors                      rest.ErrorFormat
	Tokens                      bool    // User and Admin take a token in Authorization, too
	PageParams                  []Param // of the query, which each page takes
	Groups                      []Group
}

// Group is a set of operations that belong together.
type Group struct {
	Tag, Description string // of several groups with a tag, one has the description
	Operations       []Operation
}

// Operation is a method on a path. Answer and Body are values of Go types. One that is not
// zero is also the example.
type Operation struct {
	ID, Method, Path     string // the path as OpenAPI writes it: /lamps/{id}
	Summary, Description string
	Guard                Guard
	Params               []Param

	Body      any      // JSON
	Removable []string // the fields that null removes, in a merge patch
	Form      []string // in place of Body, the inputs of a form: name, name? (may be absent) or name=pattern

	Answer    any            // JSON, Page, File or a Schema; nil: no body
	Media     map[string]any // other forms of the answer, by content type
	Status    int            // of success, where it is not the usual one
	Says      string         // what the answer is
	Headers   []string       // of the answer, besides; see headers
	Versioned bool           // the answer is a row with a version, and a created one has an address
	Cached    bool           // by this service, for visitors
	IfMatch   bool           // a client can name the version that it has seen

	Others []Other        // answers with another status than that of success
	Errors map[int]string // what does not follow from the rest, or is to be said in other words; "" is the usual text
	Never  []int          // what follows, but does not happen
}

// Other is an answer with another status. Page{} stands for a redirect to one.
type Other struct {
	Status int
	Says   string
	Answer any
}

// Guard says who may use an operation.
type Guard int

// The guards.
const (
	Anybody Guard = iota
	User          // who is signed in
	Admin
	Session // who is signed in, but no token
)

// Param is a parameter of the query, or of the path if the path names it.
type Param struct {
	Name, Description string
	Type              any // a value of the type, or a Schema
	Example           any
}

// Schema is a JSON Schema that is written by hand.
type Schema map[string]any

// Page is the answer of an operation that shows HTML, or leads to a page by 303.
type Page struct{}

// File is the answer of an operation that serves static files.
type File struct{}

// AnyOf is the answer of an operation that answers with one of several types.
type AnyOf []any

// Limit is the parameter for the length of a page.
func Limit(usual, highest int) Param {
	return Param{Name: "limit", Description: "The length of a page.",
		Type: Schema{"type": "integer", "minimum": 1, "maximum": highest, "default": usual}}
}

// After is the parameter for the position in a list.
func After() Param {
	return Param{Name: "after", Description: "The nextCursor of the page before. It is not to be taken apart.",
		Type: Schema{"$ref": schemas + "Cursor"}}
}

// ID is a parameter that names a row.
func ID(name, description string) Param {
	return Param{Name: name, Description: description, Type: Schema{"$ref": schemas + "ID"}}
}

// IDs is a parameter that names so many rows at most, separated by commas.
func IDs(name, description string, most int) Param {
	return Param{Name: name, Description: description, Example: []int{3, 1, 2}, Type: Schema{
		"type": "array", "minItems": 1, "maxItems": most, "items": Schema{"$ref": schemas + "ID"},
	}}
}

// List is the answer of a list of rows, of which a page has so many at most.
func List(row any, most int) Schema {
	return Schema{
		"type": "object", "additionalProperties": false, "required": []string{"items"},
		"properties": members{
			{"items", Schema{"type": "array", "maxItems": most, "items": row}},
			{"nextCursor", Schema{"$ref": schemas + "Cursor", "description": "Goes into `after`; left out on the last page."}},
		},
	}
}

// Handler answers with the document.
func Handler(d Document) (fiber.Handler, error) {
	text, err := d.JSON()
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(text)
	}, err
}

const conventions = "JSON in camelCase, times in RFC 3339 and UTC, money in whole minor units. Every error has one " +
	"form (RFC 9457, or the service's own), which a browser (by its Accept) gets as a page where the address is not the " +
	"API's; and every " +
	"response has an X-Request-Id to quote when asking for help. GET routes answer HEAD too. An address that is not " +
	"listed is 404; a method that is not listed is 405, and the Allow header names those that are. Under /api/ unknown " +
	"query parameters, and those given twice, are refused with 422; pages ignore unknown ones. JSON fields that are " +
	"unknown or given twice are refused with 422. Percent-encoding that a path does not need changes nothing: /%61pi " +
	"is /api.\n\nText of any kind holds no control characters but line breaks and tabs, no characters that are " +
	"invisible or change the direction of others (those that join letters and emoji may), none of private use, and no " +
	"half of a surrogate pair; what is a name is one line with a visible character.\n\n" +
	"Unsafe requests with a session must come from this origin, and so must sign-ins: what a browser sends from another " +
	"site is 403."

// JSON is the document's text. An error says what cannot be described.
func (d Document) JSON() ([]byte, error) {
	b := newBuilder(d.Errors)
	b.tokens, b.pageParams = d.Tokens, d.PageParams
	var tags []Schema
	tagged, paths := make(map[string]int), make(map[string]Schema)
	ids := make(map[string]bool)
	for _, g := range d.Groups {
		for _, op := range g.Operations {
			b.learnRules(op.Body)
			b.learnExamples(op.Body, op.Answer)
		}
	}
	for _, g := range d.Groups {
		if _, ok := tagged[g.Tag]; !ok {
			tagged[g.Tag] = len(tags)
			tags = append(tags, Schema{"name": g.Tag})
		}
		if g.Description != "" {
			tags[tagged[g.Tag]]["description"] = g.Description
		}
		for _, op := range g.Operations {
			item, method := paths[op.Path], strings.ToLower(op.Method)
			if item == nil {
				item = Schema{}
				paths[op.Path] = item
			}
			if item[method] != nil || ids[op.ID] || op.ID == "" {
				b.fail(fmt.Errorf("%s %s, %q: it stands twice, or has no id", op.Method, op.Path, op.ID))
			}
			ids[op.ID] = true
			item[method] = b.operation(g.Tag, op)
		}
	}
	text := conventions
	if d.Description != "" {
		text = d.Description + "\n\n" + conventions
	}
	schemes := Schema{"session": Schema{
		"type": "apiKey", "in": "cookie", "name": d.Cookie,
		"description": "Set by POST /api/v1/session. Routes that list `admin` want that role. In development the name is " +
			"another in each checkout, since browsers send a host's cookies to all of its ports.",
	}}
	if d.Tokens {
		schemes["token"] = Schema{
			"type": "http", "scheme": "bearer",
			"description": "A token of POST /api/v1/tokens, with the listed scope or a wider one. It counts before a session.",
		}
	}
	b.components["securitySchemes"] = schemes
	document, err := json.MarshalIndent(members{
		{"openapi", "3.1.0"},
		{"info", members{
			{"title", d.Title}, {"version", "1"}, {"summary", d.Summary}, {"description", text},
			{"license", Schema{"name": "MIT", "identifier": "MIT"}},
		}},
		{"servers", []Schema{{"url": "/", "description": "This service"}}},
		{"tags", tags},
		{"security", []Schema{}},
		{"paths", paths},
		{"components", b.components},
	}, "", "  ")
	return document, errors.Join(b.err, err)
}
