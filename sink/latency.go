package sink

import (
	"math/bits"
	"sort"
	"time"
)

// bins is the number of columns of the latency histogram.
const bins = 60

// binEdge is the lower edge of bin i, 16·2^(i/4) ms, rounded to a nanosecond. It is integer arithmetic, so that every
// machine puts a latency into the same bin.
func binEdge(i int) time.Duration {
	quarter := [4]time.Duration{16_000_000, 19_027_314, 22_627_417, 26_908_685} // 16 ms · 2^(0, 1/4, 2/4, 3/4)
	return quarter[i%4] << (i / 4)
}

// bin is the histogram column of a latency: bin i is [edge i, edge i+1); bin 0 takes everything shorter, the last one, from
// 7.3 minutes, everything longer.
func bin(d time.Duration) int {
	if d < binEdge(1) {
		return 0
	}
	octave := bits.Len64(uint64(d/binEdge(0))) - 1 // 2^octave ≤ d/16ms < 2^(octave+1)
	i := 4*octave + sort.Search(3, func(q int) bool { return d < binEdge(4*octave+q+1) })
	return min(i, bins-1)
}
