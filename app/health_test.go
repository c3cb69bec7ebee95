package app_test

import (
	"net/http"
	"testing"
	"time"

	"example.com/prefab/services/memory"
)

type healthReport struct {
	Status, Database, Replica, Redis, WriteBehind, Environment string
	Timestamp                                                  time.Time
	Uptime                                                     float64
	Memory                                                     memory.Usage
}

func TestHealth_ShowsTheWholePicture(t *testing.T) {
	s := shared(t)
	h := decode[healthReport](s.visitor().get("/health").want(http.StatusOK))
	if h.Status != "ok" || h.Database != "ok" || h.Redis != "ok" || h.Environment != "development" ||
		h.Memory.RSS <= 0 || h.Memory.HeapUsed <= 0 || h.Memory.HeapTotal < h.Memory.HeapUsed || h.Uptime < 0 {
		t.Errorf("got %+v", h)
	}
	if age := time.Since(h.Timestamp); age < 0 || age > time.Minute {
		t.Errorf("the timestamp is %v", h.Timestamp)
	}
	for path, want := range map[string]string{"/health/live": `{"status":"live"}`, "/health/ready": `{"status":"ready"}`} {
		got := s.visitor().get(path).want(http.StatusOK)
		if string(got.body) != want || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s with %v", path, got.body, got.header)
		}
	}
}
