package console

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

const (
	maxViewers   = 16 // live pages at once
	eventTimeout = 10 * time.Second
)

// serveEvents sends the changing part of the page every two seconds, as a server-sent event:
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (c *Console) serveEvents(w http.ResponseWriter, r *http.Request) {
	select {
	case c.viewers <- struct{}{}:
		defer func() { <-c.viewers }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "Too many people look at the console. It still works by reloading.", http.StatusServiceUnavailable)
		return
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Time{}) // else the request's own deadline would end the stream
	w.Header().Set("Content-Type", "text/event-stream")
	route, ticker := routeParameter(r), time.NewTicker(step)
	defer ticker.Stop()
	for {
		var page, event bytes.Buffer
		if err := renderMain(&page, c.State(r.Context(), route)); err != nil {
			c.o.Log.Warn("the console's page cannot be made", "error", err)
			return
		}
		event.WriteString("event: state\n")
		for line := range bytes.Lines(bytes.TrimSpace(page.Bytes())) {
			fmt.Fprintf(&event, "data: %s\n", bytes.TrimRight(line, "\r\n"))
		}
		event.WriteString("\n")
		_ = connection.SetWriteDeadline(time.Now().Add(eventTimeout))
		if _, err := w.Write(event.Bytes()); err != nil || connection.Flush() != nil {
			return // the viewer has gone
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}
