package views_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"example.com/prefab/templates/views"
)

// barrier is data that is there once so many renderings have reached it.
type barrier struct{ reached, open chan struct{} }

func (b barrier) Wait() string {
	b.reached <- struct{}{}
	<-b.open
	return "through"
}

// Fiber's own engine renders the pages of a layout one after the other.
func TestRender_OfOnePageRunsInParallel(t *testing.T) {
	v, err := views.New(fstest.MapFS{
		"layout.html": {Data: []byte(`<title>{{.Title}}</title>{{template "main" .}}`)},
		"parts.html":  {},
		"page.html":   {Data: []byte(`{{define "main"}}{{.Page.Wait}}{{end}}`)},
	}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	page := barrier{make(chan struct{}), make(chan struct{})}
	const many = 8
	bodies := make(chan string, many)
	for range many {
		go func() {
			var body strings.Builder
			err := v.Render(&body, "page", map[string]any{"Title": "all", "Page": page})
			if err != nil {
				t.Error(err)
			}
			bodies <- body.String()
		}()
	}
	for n := range many {
		select {
		case <-page.reached:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d renderings run, and no more begin", n)
		}
	}
	close(page.open)
	for range many {
		if got := <-bodies; got != "<title>all</title>through" {
			t.Errorf("got %q", got)
		}
	}
}
