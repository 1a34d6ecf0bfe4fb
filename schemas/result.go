package schemas

// Result is what one record holds.
type Result struct {
	// Format is FormatNone for a tombstone, a reject, and what was dropped before it was parsed. Of an array or of lines
	// it is the format of the first element that has one.
	Format Format
	// Wrappers names the envelopes around the events, outermost first.
	Wrappers []string
	// Events is in the order of the record; empty when Reject is set or the record is none of ours.
	Events []Decoded
	// Reject is empty for a usable record. One undecodable event rejects the whole record.
	Reject Reason
	// RejectedEvents is how many events a rejected record holds, if its text could be read at all, else 0.
	RejectedEvents int
	// Bug is where the decoder itself went wrong on this record, as function:line, never data. The record is then
	// Malformed; who sees it should log it.
	Bug string
}

// Decoded is one event of a record, with what must not be kept of it. Ignored marks an event inside a usable record
// that is none of ours (a page view in a batch): it is not counted, and Event then holds its id and time only.
type Decoded struct {
	Event     Event
	Sensitive Sensitive
	Ignored   bool
}
