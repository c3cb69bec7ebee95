package console

import (
	"math"
	"testing"
)

func TestCounts_PercentilesAreThoseOfPrometheus(t *testing.T) {
	bounds := []float64{1, 2, 4}
	for _, c := range []struct {
		buckets []uint64
		share   float64
		want    float64
	}{
		{nil, .5, 0},
		{[]uint64{0, 0, 0, 0}, .5, 0},
		{[]uint64{10, 0, 0, 0}, .5, .5},
		{[]uint64{0, 10, 0, 0}, .5, 1.5},
		{[]uint64{5, 5, 0, 0}, .5, 1},
		{[]uint64{5, 0, 5, 0}, .75, 3},
		{[]uint64{0, 0, 0, 10}, .5, 4}, // above all bounds
		{[]uint64{1, 1, 1, 97}, .99, 4},
		{[]uint64{1, 1}, .5, 0}, // of another program
	} {
		got := (&counts{Buckets: c.buckets}).percentile(c.share, bounds)
		if math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v at %v: %v, want %v", c.buckets, c.share, got, c.want)
		}
	}
}

func TestCounts_OfOtherBucketsAreNotAdded(t *testing.T) {
	c := counts{N: 1, Buckets: []uint64{1, 2}}
	c.add(counts{N: 2, Errors: 1, Buckets: []uint64{1, 2, 3}})
	c.add(counts{N: 3, Seconds: .5, Buckets: []uint64{1, 1}})
	if c.N != 6 || c.Errors != 1 || c.Seconds != .5 || c.Buckets[0] != 2 || c.Buckets[1] != 3 {
		t.Errorf("the sum is %+v", c)
	}
}
