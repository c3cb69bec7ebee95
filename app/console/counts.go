package console

import "slices"

// counts are what nodes tell each other of requests and of statements. They can be added
// up, which percentiles cannot.
type counts struct {
	N       uint64   `json:"n"`
	Errors  uint64   `json:"errors,omitempty"`
	Seconds float64  `json:"seconds,omitempty"` // of all together
	Buckets []uint64 `json:"buckets,omitempty"` // by duration; the last is for all above the bounds
}

func (c *counts) add(other counts) {
	c.N += other.N
	c.Errors += other.Errors
	c.Seconds += other.Seconds
	if c.Buckets == nil {
		c.Buckets = slices.Clone(other.Buckets)
	} else if len(c.Buckets) == len(other.Buckets) { // else the nodes run different programs
		for i, n := range other.Buckets {
			c.Buckets[i] += n
		}
	}
}

// observe adds what a value of a histogram grew by.
func (c *counts) observe(s *series, value int, grown float64) {
	if value > len(s.bounds) {
		c.Seconds += grown
		return
	}
	if c.Buckets == nil {
		c.Buckets = make([]uint64, len(s.bounds)+1)
	}
	c.Buckets[value] += uint64(grown)
}

// percentile estimates the duration, in seconds, that a share of the observations does not
// exceed, by a straight line within the bucket, as Prometheus' histogram_quantile does. What
// is above the last bound counts as that bound. Without observations it is 0.
func (c *counts) percentile(share float64, bounds []float64) float64 {
	var total, below float64
	for _, n := range c.Buckets {
		total += float64(n)
	}
	if len(c.Buckets) != len(bounds)+1 {
		return 0
	}
	rank, low := share*total, 0.0
	for i, bound := range bounds {
		n := float64(c.Buckets[i])
		if n > 0 && below+n >= rank {
			return low + (bound-low)*(rank-below)/n
		}
		below, low = below+n, bound
	}
	if total == 0 {
		return 0
	}
	return low
}
