package schemas

import "time"

// LatencyUnit is the unit of a hand-sent $ai_latency: PostHog's SDKs send seconds, its beta documentation says milliseconds.
type LatencyUnit string

// The units. LatencyAuto guesses and warns.
const (
	LatencyAuto    LatencyUnit = "auto"
	LatencySeconds LatencyUnit = "s"
	LatencyMillis  LatencyUnit = "ms"
)

// TopicConfig is what is known of a topic beforehand. An event's own values win over the defaults.
type TopicConfig struct {
	// Format is the only format that the topic's records may have; FormatNone finds out record by record.
	Format Format
	// Environment, Service and Provider are used for events that do not state theirs.
	Environment, Service, Provider string
	// LatencyUnit is the unit of $ai_latency in events that no SDK sent; empty is LatencyAuto.
	LatencyUnit LatencyUnit
}

// DecoderConfig configures a Decoder. The zero value is usable.
type DecoderConfig struct {
	// MaxValueBytes bounds a record's value, in bytes; 0 is the constant MaxValueBytes.
	MaxValueBytes int
	// Topics holds settings by topic; a topic that is not in it has none.
	Topics map[string]TopicConfig
	// SkipInput leaves Sensitive.Input empty, for a worker that hashes no inputs: prompts are then only passed over.
	SkipInput bool
	// Now is the clock that MaxAhead is held against; nil leaves the rule out, for who reads records of any time.
	Now func() time.Time
}
