package schemas

import "time"

// Bounds on what a decoder accepts. They are the bad-input matrix of the design, not knobs, except MaxValueBytes, whose
// default stands here.
const (
	MaxDepth       = 64             // nesting of JSON
	MaxKeys        = 2000           // keys of one object
	MaxValueBytes  = 8 << 20        // default bound on a record's value
	MaxEvents      = 10_000         // events of one record: each costs far more memory than the bytes it needs in a batch
	MaxNumberBytes = 40             // characters of one JSON number
	MaxTextBytes   = 200            // any string kept of an event; longer ones are trimmed at a rune
	MaxSkew        = 24 * time.Hour // an event may be this far ahead of its record
	MaxAhead       = 2 * MaxSkew    // ... and this far ahead of the clock: a record's own time may be wrong, and absent
	MaxLatency     = 24 * time.Hour // a longer latency is no latency
	MaxWrappers    = 3              // envelopes around an event
)
