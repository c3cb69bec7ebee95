// Package docs shows an OpenAPI 3.1 document as a page for people: the operations by tag, who may
// use them, what they take and answer, and the errors that they share. Its promises: the page
// shows the document and nothing else; it works without scripts, and under a
// Content-Security-Policy without inline code; and only with Try it has forms that send requests.
//
//	files, err := static.New("/docs/", docs.Files, false)
//	if err != nil {
//		return err
//	}
//	app.Get("/docs", docs.Handler(document, docs.Options{Asset: files.URL, Try: development}))
//	app.Get("/docs/:file", files.Serve)
//
// Of JSON Schema it shows what package openapi writes; it leaves out other keywords.
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
)

// Files are the style and the script of the page.
//
//go:embed docs.css docs.js
var Files embed.FS

//go:embed docs.html
var source string

// Options say how the page is made.
type Options struct {
	Asset func(name string) (string, error) // the address of one of Files
	Try   bool                              // with forms that send requests
}

// Handler answers with the page, which it makes at the first request: that takes longer than
// the rest of a start.
func Handler(d openapi.Document, o Options) fiber.Handler {
	page := sync.OnceValues(func() ([]byte, error) {
		text, err := d.JSON()
		if err != nil {
			return nil, err
		}
		return render(text, o)
	})
	return func(c *fiber.Ctx) error {
		text, err := page()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return c.Send(text)
	}
}

func render(document []byte, o Options) ([]byte, error) {
	shown, err := read(document)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	page, err := template.New("docs.html").Funcs(template.FuncMap{
		"asset": o.Asset, "lower": strings.ToLower, "paragraphs": paragraphs, "spans": spans,
		"table": newTable, "caption": caption,
	}).Parse(source)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = page.Execute(&text, struct {
		view
		Try bool
	}{shown, o.Try})
	return text.Bytes(), err
}

// table is a list of values under what they are of.
type table struct {
	Caption string
	Rows    []row
}

func newTable(caption string, rows []row) table { return table{caption, rows} }

// caption is the type of a body, and which of several forms it has.
func caption(contentType string, i int, several bool) string {
	if several {
		return fmt.Sprintf("%s, form %d", contentType, i+1)
	}
	return contentType
}

func paragraphs(text string) []string { return strings.Split(text, "\n\n") }

// span is a part of a text. Code stands between backticks there.
type span struct {
	Text string
	Code bool
}

func spans(text string) (parts []span) {
	for i, part := range strings.Split(text, "`") {
		parts = append(parts, span{part, i%2 == 1})
	}
	return parts
}

// API describes the routes of the page.
func API() openapi.Group {
	return openapi.Group{Tag: "operations", Operations: []openapi.Operation{
		{
			ID: "showDocs", Method: fiber.MethodGet, Path: "/docs", Summary: "This document as a page",
			Description: "In development it has forms that send requests.", Answer: openapi.Page{}, Never: []int{422},
		},
		{
			ID: "showDocsFile", Method: fiber.MethodGet, Path: "/docs/{file}", Summary: "Style and script of the page",
			Params: []openapi.Param{{
				Name: "file", Type: "", Example: "docs.0a1b2c3d4e5f6071.css", Description: "The file and the hash of its content.",
			}},
			Answer: openapi.File{},
		},
	}}
}
