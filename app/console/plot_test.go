package console

import (
	"math"
	"strings"
	"testing"
)

func TestPlot_DrawsTheNewestAtTheRight(t *testing.T) {
	p := plots(History{Step: 450, Points: []Point{{Rate: 9}, {Rate: 50}, {Rate: 100}}})[0]
	if want := "M56 113.7h0L56 113.7 225 67 394 10"; p.Lines[0].Path != want || p.Area != want+"L394 124H56Z" {
		t.Errorf("the line is %s, the area %s", p.Lines[0].Path, p.Area)
	}
	if p.Ticks[1].Text != "50/s" || p.Ticks[2].Text != "100/s" || p.Newest[0].Text != "100/s" {
		t.Errorf("%+v", p)
	}
	if want := "Requests of the last 15 minutes: now 100/s, highest 100/s."; p.Alt != want {
		t.Error(p.Alt)
	}
}

func TestPlot_LeavesAGapWhereNothingWasMeasured(t *testing.T) {
	p := plots(History{Step: 300, Points: []Point{{Rate: 1, P50: 0.05, P95: 0.1}, {Rate: 1}, {Rate: 1, P50: 0.1, P95: 0.3}, {Rate: 1, P50: 0.1, P95: 0.4}}})[2]
	if len(p.Lines) != 2 || p.Lines[1].Name != "p95" || strings.Count(p.Lines[1].Path, "M") != 2 || p.Area != "" {
		t.Errorf("the lines are %v, the area %q", p.Lines, p.Area)
	}
}

func TestPlot_DrawsABarForEachError(t *testing.T) {
	p := plots(History{Step: 450, Points: []Point{{Errors: 1}, {}, {Errors: 2}}})[1]
	if want := "M56 124V67h-3V124ZM394 124V10h-3V124Z"; p.Area != want || len(p.Lines) != 0 {
		t.Errorf("the bars are %s, the lines %v", p.Area, p.Lines)
	}
}

func TestPlot_StaysInItsFrame(t *testing.T) {
	for _, h := range []History{
		{},
		{Step: 10, Points: make([]Point, 500)}, // more than 15 minutes
		{Step: 10, Points: []Point{{Rate: math.Inf(1)}, {Rate: math.NaN(), P50: -1}, {Rate: 1e300, P50: math.Inf(1)}}},
	} {
		for _, p := range plots(h) {
			for _, l := range p.Lines {
				if strings.ContainsAny(l.Path, "-IN") || strings.Contains(p.Alt, "NaN") {
					t.Errorf("%s: %s %s", p.Key, l.Path, p.Alt)
				}
			}
		}
	}
}

func TestSpark_HasTheNewestAtTheRightToo(t *testing.T) {
	for _, c := range []struct {
		values []uint64
		want   string
	}{
		{nil, ""}, {[]uint64{0}, "M58 15"}, {[]uint64{0, 4, 8}, "M54 15 56 8 58 1"}, {[]uint64{math.MaxUint64, 0}, "M56 1 58 15"},
	} {
		if got := spark(c.values); got != c.want {
			t.Errorf("%v is %q, want %q", c.values, got, c.want)
		}
	}
	if got := spark(make([]uint64, 99)); !strings.HasPrefix(got, "M0 15 ") || strings.Count(got, " ") != 2*sparkPoints-1 {
		t.Error(got)
	}
}
