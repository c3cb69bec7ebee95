package console

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestText_OfNumbersIsShort(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{shortText(0), "0"}, {shortText(-1), "0"}, {shortText(math.NaN()), "0"}, {shortText(math.Inf(1)), "–"},
		{shortText(0.001), "<0.01"}, {shortText(0.25), "0.25"}, {shortText(0.3), "0.3"}, {shortText(1), "1"},
		{shortText(9.96), "10"}, {shortText(214.3), "214"}, {shortText(999.6), "1 k"}, {shortText(1e30), "1000000000000 E"},
		{rateText(3412), "3.4 k/s"}, {rateText(0.2), "0.2/s"},
		{countText(999), "999"}, {countText(1000), "1,000"}, {countText(999_999), "999,999"},
		{countText(1_234_567), "1.2 M"}, {countText(math.MaxUint64), "18 E"},
		{sizeText(0), "–"}, {sizeText(512), "512 B"}, {sizeText(12 << 20), "12 MiB"}, {sizeText(1.5 * (1 << 30)), "1.5 GiB"},
		{shareText(0), "0 %"}, {shareText(0.0002), "<0.1 %"}, {shareText(0.042), "4.2 %"}, {shareText(0.9999), "99.9 %"}, {shareText(1), "100 %"},
		{secondsText(0), "–"}, {secondsText(math.NaN()), "–"}, {secondsText(math.Inf(1)), "–"}, {secondsText(0.00085), "850 µs"},
		{secondsText(0.0012), "1.2 ms"}, {secondsText(0.9996), "1 s"}, {secondsText(12), "12 s"}, {secondsText(95), "1 min 35 s"},
		{secondsText(180), "3 min"}, {secondsText(7500), "2 h 5 min"}, {secondsText(76 * 3600), "3 d 4 h"},
	} {
		if got := strings.ReplaceAll(c.got, space, " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestText_OfAMomentSaysHowFarItIs(t *testing.T) {
	now := sampleTime
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "–"}, {time.Unix(0, 0), "–"}, {now, "now"}, {now.Add(-900 * time.Millisecond), "now"},
		{now.Add(-1900 * time.Millisecond), "1 s ago"}, {now.Add(-200 * time.Second), "3 min ago"},
		{now.Add(2 * time.Minute), "in 2 min"}, {now.Add(-50 * time.Hour), "2 d ago"},
	} {
		if got := strings.ReplaceAll(agoText(c.at, now), space, " "); got != c.want {
			t.Errorf("%v is %q, want %q", now.Sub(c.at), got, c.want)
		}
	}
}
