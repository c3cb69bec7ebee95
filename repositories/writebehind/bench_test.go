package writebehind_test

import (
	"fmt"
	"testing"
)

func BenchmarkFlush(b *testing.B) {
	const keys = 5000
	for _, size := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("batch-%d", size), func(b *testing.B) {
			s := newFixture(b, batchesOf(size))
			for b.Loop() {
				b.StopTimer()
				s.putAll(keys, 1)
				b.StartTimer()
				s.flushTo(s.table.setAll)
			}
			b.ReportMetric(keys*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkPut(b *testing.B) {
	s := newFixture(b)
	b.ReportAllocs()
	for key := int64(0); b.Loop(); key++ {
		s.put(key%1000, key)
	}
}
