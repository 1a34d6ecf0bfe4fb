package schemas

// Tokens are an event's counts as the tables hold them: whole numbers; Input is the whole prompt, cached tokens included, Output
// includes reasoning, the others are parts of them. Counts that contradict each other, or rest on one that is no count,
// are absent.
type Tokens struct {
	Input, Output Opt[int64]
	// CacheWrite is all of what was written, CacheWrite1h the part that is kept for an hour.
	CacheRead, CacheWrite, CacheWrite1h Opt[int64]
	Reasoning                           Opt[int64]
}
