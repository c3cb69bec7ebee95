package app_test

import (
	"net/http"
	"testing"
	"time"
)

const live = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"

// Clients that hold all connections must not make a liveness probe fail.
func TestConnections_TheLongestIdleMakeRoomWhenAllAreTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	s := start(t, "MAX_CONNECTIONS=20", "READ_TIMEOUT=1m")
	s.transport.CloseIdleConnections()
	busy := s.dial()
	busy.send("GET /health/live HTTP/1.1\r\n") // and more is to come
	silent := s.dial()
	time.Sleep(10 * time.Millisecond) // the order is by the clock
	var idle []*wire
	for range 17 {
		w := s.dial()
		w.send(live)
		if got := w.status("GET"); got != http.StatusOK {
			t.Fatalf("an early client gets %d", got)
		}
		idle = append(idle, w)
	}
	time.Sleep(1100 * time.Millisecond) // what is idle for less is kept
	for i := range 10 {
		probe := s.dial()
		probe.send(live)
		if got := probe.status("GET"); got != http.StatusOK {
			t.Fatalf("probe %d gets %d", i, got)
		}
	}
	for name, w := range map[string]*wire{"the silent one": silent, "the longest idle": idle[0]} {
		if !w.isClosed() {
			t.Errorf("%s is still open", name)
		}
	}
	newest := idle[len(idle)-1]
	newest.send(live)
	busy.send("Host: x\r\n\r\n")
	for name, w := range map[string]*wire{"the newest": newest, "the busy one": busy} {
		if got := w.status("GET"); got != http.StatusOK {
			t.Errorf("%s gets %d", name, got)
		}
	}
}
