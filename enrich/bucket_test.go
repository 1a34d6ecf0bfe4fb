package enrich

import (
	"testing"

	"pgregory.net/rapid"
)

func TestBucketsAreHalfOpenAndDouble(t *testing.T) {
	tests := map[int64]string{
		-1: "0_1k_tokens", 0: "0_1k_tokens", 999: "0_1k_tokens", 1000: "1k_2k_tokens",
		1284: "1k_2k_tokens", // the article's example
		1999: "1k_2k_tokens", 2000: "2k_4k_tokens", 4000: "4k_8k_tokens", 127_999: "64k_128k_tokens",
		128_000: "128k_256k_tokens", 255_999: "128k_256k_tokens", 256_000: "256k_plus_tokens", 1 << 62: "256k_plus_tokens",
	}
	for tokens, want := range tests {
		if got := Bucket(tokens); got != want {
			t.Errorf("Bucket(%d) = %q, want %q", tokens, got, want)
		}
	}
}

// linearBucket looks the bucket up edge by edge.
func linearBucket(tokens int64) string {
	name := bucketNames[0]
	for i, edge := 1, int64(1000); i < len(bucketNames); i, edge = i+1, edge*2 {
		if tokens >= edge {
			name = bucketNames[i]
		}
	}
	return name
}

func TestBucketAgreesWithALinearSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 600_000)).Draw(t, "tokens")
		if got, want := Bucket(n), linearBucket(n); got != want {
			t.Fatalf("Bucket(%d) = %q, want %q", n, got, want)
		}
	})
}
