package enrich

import "math/bits"

// bucketNames are the length buckets, half-open [lo, hi) with edges at 0, 1k, 2k, 4k … 256k tokens, k = 1,000.
var bucketNames = [...]string{
	"0_1k_tokens", "1k_2k_tokens", "2k_4k_tokens", "4k_8k_tokens", "8k_16k_tokens", "16k_32k_tokens",
	"32k_64k_tokens", "64k_128k_tokens", "128k_256k_tokens", "256k_plus_tokens",
}

// Bucket names the length bucket of a number of tokens. Above 0 the edges are 1,000 × 2^n, so the bucket is the number
// of bits of the count in whole thousands. A negative count, which no producer can have meant, is in the first bucket.
func Bucket(tokens int64) string {
	if tokens < 1000 {
		return bucketNames[0]
	}
	return bucketNames[min(bits.Len64(uint64(tokens/1000)), len(bucketNames)-1)]
}
