package console

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Paths are the patterns, of http.ServeMux, that a Console serves.
var Paths = []string{"/ops", "/ops.json", "/ops/", "/debug/pprof/"}

// routes are the console's. What changes something is refused to other sites' pages.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ops.json", c.serveJSON)
	mux.HandleFunc("GET /ops", c.servePage)
	mux.HandleFunc("GET /ops/events", c.serveEvents)
	mux.HandleFunc("GET /ops/plan", c.servePlan)
	mux.HandleFunc("GET /ops/{file}", func(w http.ResponseWriter, r *http.Request) {
		serveFile(w, r, r.PathValue("file"))
	})
	if c.o.Actions {
		mux.HandleFunc("GET /ops/confirm", c.serveConfirm)
		mux.HandleFunc("POST /ops/actions", c.serveAction)
	}
	if c.o.Profiles {
		mux.HandleFunc("GET /debug/pprof/", c.serveProfiles)
		mux.HandleFunc("GET /debug/pprof/{name}", c.serveProfile)
	}
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOwnHost(r) {
			http.Error(w, "The console is not served for this host name.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy",
			"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		protected.ServeHTTP(w, r)
	})
}

// ServeHTTP is part of http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// isOwnHost reports whether a request over the loopback interface names this machine. Else a
// page of any site could read the console, by letting its own name lead to 127.0.0.1 (DNS
// rebinding). On other interfaces the network decides who may connect.
func isOwnHost(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

func (c *Console) serveJSON(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.State(r.Context(), routeParameter(r))) // fails if the client has gone
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	s := c.State(r.Context(), routeParameter(r))
	c.send(w, func(out io.Writer) error { return renderPage(out, s, doneNotices[r.URL.Query().Get("done")]) })
}

func (c *Console) servePlan(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("statement")
	var text, plan string
	problem := "No process has sent this statement."
	for _, s := range c.State(r.Context(), "").Statements {
		if s.Name == name {
			text = s.Text
		}
	}
	if text != "" {
		answer, err := c.askAny(r.Context(), Question{Kind: Plan, Name: name})
		plan, problem = answer.Plan, answer.Error
		if err != nil {
			problem = noAnswer
		}
	}
	c.send(w, func(out io.Writer) error { return renderPlan(out, name, text, plan, problem) })
}

// send answers with a page.
func (c *Console) send(w http.ResponseWriter, render func(io.Writer) error) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := render(w); err != nil {
		c.o.Log.Warn("the console's page was not sent", "error", err)
	}
}

const maxRouteLength = 200

// routeParameter is the route whose history is asked for.
func routeParameter(r *http.Request) string {
	route := r.URL.Query().Get("route")
	return route[:min(len(route), maxRouteLength)]
}
