package schemas

// format is one shape of record: how it is told from the keys of its outermost object, and how its events are read. A
// further format is one more file with one more entry here.
type format struct {
	name    Format
	matches func(*shape) bool
	decode  func(*Decoder, *shape) Reason
}

// knownFormats is every format, the more specific ones first.
func knownFormats() []format {
	return []format{
		{FormatPostHogClickHouse, isClickHouseRow, (*Decoder).postHogRow},
		{FormatPostHogCapture, isCapturedEvent, (*Decoder).capturedEvent},
		{FormatPostHogBatch, isBatch, (*Decoder).postHogBatch},
		{FormatPostHogV1Batch, isV1Batch, (*Decoder).postHogBatch},
		{FormatPostHogEvent, isPostHogEvent, (*Decoder).postHogEvent},
	}
}
