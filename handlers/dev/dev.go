// Package dev holds what only development has: an error page with the cause of an error, an
// inspector of the last requests, and pages that reload themselves when `make dev` has built
// new code. Production must not use it.
//
//	tools := dev.New()
//	app := fiber.New(fiber.Config{Views: tools.Views(views), ErrorHandler: tools.ErrorHandler(onError)})
//	app.Use(dev.Prefix, tools.Serve)
//	app.Use(tools.Record)
//
// It answers only clients on this machine that come to it by its name and without a proxy, since it tells source
// code and headers, and a service may run in development by mistake.
package dev

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// Prefix is where the addresses of this package begin.
	Prefix = "/_dev/"
	// MailPath is the address of the page of mails.
	MailPath = Prefix + "mail"
	// RequestsPath is the address of the last requests. Below it is a page of each, by its id.
	RequestsPath = Prefix + "requests"
	// StateVariable is the environment variable that names the file of the State.
	StateVariable = "DEV_STATE"
)

//go:embed dev.css dev.js *.html
var files embed.FS

// State is what `make dev` tells the service, by a file. The numbers grow.
type State struct {
	Code    int64  `json:"code"`              // of the newest program
	Files   int64  `json:"files"`             // of the templates and static files
	Problem string `json:"problem,omitempty"` // why the newest code does not run
}

// WriteState hands a state to the service. Readers see the old one or the new one.
func WriteState(file string, s State) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// Tools are the tools of one process.
type Tools struct {
	file string // of the State; "": not under `make dev`
	code int64  // of this process

	started  time.Time
	requests ring
}

// New returns the tools. They reload pages if StateVariable is set.
func New() *Tools {
	t := &Tools{file: os.Getenv(StateVariable), started: time.Now()}
	t.code = t.state().Code
	return t
}

// state returns the zero State while the file cannot be read.
func (t *Tools) state() (s State) {
	text, err := os.ReadFile(t.file)
	if err == nil {
		_ = json.Unmarshal(text, &s)
	}
	return s
}

// version is of the pages that this process makes. It grows with its code, and with the files.
func (t *Tools) version(s State) int64 { return t.code + s.Files }

// Serve answers the requests of this package's own pages and script.
func (t *Tools) Serve(c *fiber.Ctx) error {
	name := path.Base(c.Path())
	switch {
	case c.Path() == MailPath: // has a handler of its own, if mails are kept
		return c.Next()
	case !isLocal(c):
	case c.Path() == RequestsPath:
		return t.listRequests(c)
	case path.Dir(c.Path()) == RequestsPath:
		return t.showRequest(c, name)
	case name == "state" && t.file != "":
		c.Set(fiber.HeaderCacheControl, "no-store")
		s := t.state()
		return c.JSON(fiber.Map{"version": t.version(s), "problem": s.Problem})
	case name == "dev.css" || name == "dev.js":
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderCacheControl, "no-cache")
		return c.Type(path.Ext(name), "utf-8").Send(text)
	}
	return fiber.ErrNotFound
}

// isLocal reports whether the client is on this machine, and not a proxy that says it is. The
// address must be this machine's too: another site's name can be made to lead here (DNS
// rebinding), and its scripts could then read the answer.
func isLocal(c *fiber.Ctx) bool {
	host := (&url.URL{Host: string(c.Context().Host())}).Hostname()
	return (host == "localhost" || net.ParseIP(host).IsLoopback()) && c.Context().RemoteIP().IsLoopback() &&
		c.Get(fiber.HeaderXForwardedFor) == "" && c.Get(fiber.HeaderForwarded) == ""
}

// Views returns views whose pages reload themselves; without `make dev` they are the same.
func (t *Tools) Views(pages fiber.Views) fiber.Views {
	if t.file == "" {
		return pages
	}
	return reloading{pages, t}
}

type reloading struct {
	fiber.Views
	tools *Tools
}

// Render is part of fiber.Views.
func (r reloading) Render(w io.Writer, name string, data any, layouts ...string) error {
	script := r.tools.script() // before the templates are read, or a change meanwhile would be missed
	var page bytes.Buffer
	if err := r.Views.Render(&page, name, data, layouts...); err != nil {
		return err
	}
	const end = "</head>"
	_, err := w.Write(bytes.Replace(page.Bytes(), []byte(end), []byte(script+end), 1))
	return err
}

// script is the element that makes a page reload itself.
func (t *Tools) script() string {
	if t.file == "" {
		return ""
	}
	return fmt.Sprintf(`<script src="%sdev.js" data-version="%d" defer></script>`, Prefix, t.version(t.state()))
}
