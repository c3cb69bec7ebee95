package writebehind_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measured is what the buffer's metrics say, by name and outcome.
func measured(t testing.TB, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" {
					name += " " + label.GetValue()
				}
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetrics_CountWhatBecomesOfWrites(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newShelf(t, 5, func(o *stockOptions) { o.Metrics, o.MaxPending = registry, 4 })
	s.exec(refuse13)
	s.put(1, 13)
	s.put(2, 20)
	s.exec("INSERT INTO stock (product_id, quantity, version) VALUES (3, 5, $1)", time.Now().Add(time.Hour).UnixMicro())
	s.put(3, 30)
	s.flush() // one is buried, one stored, one gets a new version
	s.put(1, 13)
	s.put(4, 40)
	s.put(5, 50)
	if _, err := s.Put(t.Context(), 2, 21); err == nil {
		t.Error("there is room for one more")
	}
	got := measured(t, registry)
	for name, want := range map[string]float64{
		"puts_total kept": 6, "puts_total full": 1, "buried_total": 1, "restamped_total": 1, "stored_total": 1,
		"pending": 4, "dead_letters": 0, "batch_duration_seconds": 1,
	} {
		if got["prefab_write_behind_"+name] != want {
			t.Errorf("%s is %v, want %v", name, got["prefab_write_behind_"+name], want)
		}
	}
	s.flush()
	got = measured(t, registry)
	if dead, pending := got["prefab_write_behind_dead_letters"], got["prefab_write_behind_pending"]; dead != 1 || pending != 0 {
		t.Errorf("%v dead letters and %v pending, want 1 and 0", dead, pending)
	}
}
