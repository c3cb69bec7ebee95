package app_test

import (
	"net/http"
	"strings"
)

// queries wants the request to have taken that many SQL statements.
func (a answer) queries(want int) answer {
	a.s.t.Helper()
	line := a.s.log.access(a.s.t, a.header.Get("X-Request-Id"))
	if line["queries"] != float64(want) {
		a.s.t.Errorf("%s: %v queries, want %d", a.asked, line["queries"], want)
	}
	return a
}

// cacheStatus tells where the page was, or why it was not.
func (a answer) cacheStatus() string { return a.header.Get("Cache-Status") }

// outcome is what the cache did: "hit", "stored" or "forwarded".
func (a answer) outcome() string {
	switch {
	case strings.Contains(a.cacheStatus(), "; hit;"):
		return "hit"
	case strings.Contains(a.cacheStatus(), "; stored"):
		return "stored"
	}
	return "forwarded"
}

// leads wants a redirect to the path.
func (a answer) leads(path string) {
	a.s.t.Helper()
	a.want(http.StatusSeeOther)
	if to := a.header.Get("Location"); to != path {
		a.s.t.Errorf("%s: leads to %q, want %q", a.asked, to, path)
	}
}

// hides wants the page to hold none of the texts.
func (a answer) hides(texts ...string) answer {
	a.s.t.Helper()
	for _, text := range texts {
		if strings.Contains(string(a.body), text) {
			a.s.t.Errorf("%s: %d shows %q", a.asked, a.status, text)
		}
	}
	return a
}
