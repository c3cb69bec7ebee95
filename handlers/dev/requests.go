package dev

import (
	"fmt"
	"html/template"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

var requestPages = template.Must(template.New("").Funcs(template.FuncMap{
	"ms": func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) },
}).ParseFS(files, "requests.html", "request.html"))

// processView is what the pages tell of the process.
type processView struct {
	Kept, Process int
	Started       time.Time
	Mails         bool // there is a page of mails
}

// listView is the data of the list.
type listView struct {
	processView
	Requests      []summary
	Routes        []string
	Statuses      []string // classes: 2 for 2xx
	Route, Status string   // of the filter; "": all
}

// requestView is the data of the page of one request.
type requestView struct {
	processView
	Request *details // nil: it is not kept
}

type details struct {
	summary
	Events []event
	More   int // that were not kept
}

// listRequests answers with the last requests, the newest first. ?route=GET+/lamps/:id and
// ?status=5 choose some.
func (t *Tools) listRequests(c *fiber.Ctx) error {
	v := listView{
		processView: t.view(c), Statuses: []string{"2", "3", "4", "5"}, Route: c.Query("route"), Status: c.Query("status"),
	}
	for _, r := range t.requests.newest() {
		if r.Route != "" && !slices.Contains(v.Routes, r.Route) {
			v.Routes = append(v.Routes, r.Route)
		}
		if (v.Route == "" || v.Route == r.Route) && (v.Status == "" || v.Status == strconv.Itoa(r.Status/100)) {
			v.Requests = append(v.Requests, summarize(r))
		}
	}
	slices.Sort(v.Routes)
	return showPage(c, "requests.html", v)
}

// showRequest answers with the page of the request of that id.
func (t *Tools) showRequest(c *fiber.Ctx, id string) error {
	v := requestView{processView: t.view(c)}
	c.Status(fiber.StatusNotFound)
	for _, r := range t.requests.newest() {
		if r.ID == id {
			c.Status(fiber.StatusOK)
			s := summarize(r)
			v.Request = &details{s, s.timeline(), s.Statements.More + s.Lookups.More + s.Lines.More}
		}
	}
	return showPage(c, "request.html", v)
}

func (t *Tools) view(c *fiber.Ctx) processView {
	return processView{
		Kept: maxRequests, Process: os.Getpid(), Started: t.started,
		Mails: slices.ContainsFunc(c.App().GetRoutes(), func(r fiber.Route) bool { return r.Path == MailPath }),
	}
}

func showPage(c *fiber.Ctx, name string, data any) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return requestPages.ExecuteTemplate(c.Response().BodyWriter(), name, data)
}
