package console

import (
	"testing"
	"time"
)

func TestMinutes_AreThoseOfTheClockTheNewestFirst(t *testing.T) {
	h := History{Step: 20, End: sampleTime, Points: []Point{ // 14:03:22
		{Rate: 7}, {Rate: 1, P50: 1}, {Rate: 2, P50: 4}, {Rate: 6, Errors: 3, P50: 2}, {Rate: 4},
	}}
	rows := minutes(h)
	if len(rows) != 2 || rows[0].At != "14:03" || rows[1].At != "14:02" {
		t.Fatalf("%+v", rows)
	}
	if rows[0].Rate != 5 || rows[0].Errors != 1.5 || rows[0].P50 != 2 || rows[1].P50 != 3 {
		t.Errorf("%+v", rows)
	}
	if n := len(minutes(History{Step: 1, Points: make([]Point, 5000)})); n != 16 || minutes(History{}) != nil {
		t.Errorf("a long history has %d", n)
	}
}

func TestMoments_ArePartsOfTenSecondsThatStay(t *testing.T) {
	h := History{Step: 2, End: sampleTime, Points: []Point{ // 14:03:22, so the last part has 20 and 22
		{Rate: 7}, {Rate: 1}, {Rate: 3, P50: 1}, {Rate: 1, P50: 5}, {}, {}, {Rate: 4, Errors: 2}, {Rate: 2},
	}}
	all := moments(h, 10)
	if len(all) != 3 || all[0].age != 14 || all[1].age != 4 || all[2].age != 0 {
		t.Fatalf("%+v", all)
	}
	if all[0].Rate != 7 || all[1].Rate != 1 || all[1].P50 != 2 || all[2].Rate != 3 || all[2].Errors != 1 {
		t.Errorf("%+v", all)
	}
	h.Points, h.End = append(h.Points, Point{}), h.End.Add(2*time.Second)
	if later := moments(h, 10); later[1].Point != all[1].Point || later[1].age != 6 || later[2].Rate != 2 {
		t.Errorf("two seconds later: %+v", later)
	}
}
