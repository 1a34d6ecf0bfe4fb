package enrich

import "encoding/json"

// CostDetail is how a cost came about, for `explain --why`. The amounts add up to the cost exactly.
type CostDetail struct {
	// Buckets are the priced parts, in the order of the engine; never nil, so that JSON shows a list.
	Buckets []BucketCost `json:"buckets"`
	// Tier is the context tier whose rates applied: "base", "above_200k", or "up_to_128k" of a table of ranges.
	// nil when no rate was looked up.
	Tier *string `json:"tier"`
	// ServiceTier is standard, flex, priority or batch; nil when no rate was looked up.
	ServiceTier *string `json:"service_tier"`
	// Exclusive tells that the input count was taken to leave cached tokens out.
	Exclusive bool `json:"exclusive"`
}

// BucketCost is one priced part: amount = count × rate × multiplier.
type BucketCost struct {
	Bucket string `json:"bucket"`
	// Count is a number of tokens, seconds, images …; it may have decimals.
	Count json.Number `json:"count"`
	// Rate (USD per unit), Multiplier and Amount (USD) are plain decimal text.
	Rate       string `json:"rate"`
	Multiplier string `json:"multiplier"`
	Amount     string `json:"amount"`
}
