package format

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestText_OfNumbersIsShort(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Short(0), "0"}, {Short(-1), "0"}, {Short(math.NaN()), "0"}, {Short(math.Inf(1)), "–"},
		{Short(0.001), "<0.01"}, {Short(0.25), "0.25"}, {Short(0.3), "0.3"}, {Short(1), "1"},
		{Short(9.96), "10"}, {Short(214.3), "214"}, {Short(999.6), "1 k"}, {Short(1e30), "1000000000000 E"},
		{Rate(3412), "3.4 k/s"}, {Rate(0.2), "0.2/s"},
		{Count(999), "999"}, {Count(1000), "1,000"}, {Count(999_999), "999,999"},
		{Count(1_234_567), "1.2 M"}, {Count(math.MaxUint64), "18 E"},
		{Size(0), "–"}, {Size(512), "512 B"}, {Size(12 << 20), "12 MiB"}, {Size(1.5 * (1 << 30)), "1.5 GiB"},
		{Share(0), "0 %"}, {Share(0.0002), "<0.1 %"}, {Share(0.042), "4.2 %"}, {Share(0.9999), "99.9 %"}, {Share(1), "100 %"},
		{Seconds(0), "–"}, {Seconds(math.NaN()), "–"}, {Seconds(math.Inf(1)), "–"}, {Seconds(0.00085), "850 µs"},
		{Seconds(0.0012), "1.2 ms"}, {Seconds(0.9996), "1 s"}, {Seconds(12), "12 s"}, {Seconds(95), "1 min 35 s"},
		{Seconds(180), "3 min"}, {Seconds(7500), "2 h 5 min"}, {Seconds(76 * 3600), "3 d 4 h"},
	} {
		if got := strings.ReplaceAll(c.got, Space, " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestText_OfAMomentSaysHowFarItIs(t *testing.T) {
	now := time.Date(2026, 5, 4, 14, 3, 22, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "–"}, {time.Unix(0, 0), "–"}, {now, "now"}, {now.Add(-900 * time.Millisecond), "now"},
		{now.Add(-1900 * time.Millisecond), "1 s ago"}, {now.Add(-200 * time.Second), "3 min ago"},
		{now.Add(2 * time.Minute), "in 2 min"}, {now.Add(-50 * time.Hour), "2 d ago"},
	} {
		if got := strings.ReplaceAll(Ago(c.at, now), Space, " "); got != c.want {
			t.Errorf("%v is %q, want %q", now.Sub(c.at), got, c.want)
		}
	}
}
