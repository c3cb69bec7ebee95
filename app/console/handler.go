package console

import (
	"encoding/json"
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

const maxRouteLength = 200

// routeParameter is the route whose history is asked for.
func routeParameter(r *http.Request) string {
	route := r.URL.Query().Get("route")
	return route[:min(len(route), maxRouteLength)]
}

const maxViewers = 16 // of live pages at once
