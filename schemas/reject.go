package schemas

// Reason says why a record can never be used. The set is closed; it is a contract with the users of explain, of the
// table quarantine and of tracetally_quarantined_records_total.
type Reason string

// The reasons of a quarantine.
const (
	Malformed           Reason = "malformed"            // not JSON, or JSON without what its event must have
	TooDeep             Reason = "too_deep"             // nested deeper than MaxDepth
	TooWide             Reason = "too_wide"             // more than MaxKeys keys in one object, or MaxEvents events in one record
	Oversize            Reason = "oversize"             // a value larger than MaxValueBytes
	Ambiguous           Reason = "ambiguous"            // a billing key twice, or in two spellings of case
	BadNumber           Reason = "bad_number"           // a number literal longer than MaxNumberBytes
	ClockSkew           Reason = "clock_skew"           // event time more than MaxSkew ahead of the record's
	UnknownFormat       Reason = "unknown_format"       // JSON of no known shape
	UnsupportedEncoding Reason = "unsupported_encoding" // Avro, Protobuf without a known schema, msgpack, Glue
	TooManyWrappers     Reason = "too_many_wrappers"    // more than three envelopes around the event
	BadCompression      Reason = "bad_compression"      // a compressed value that is corrupt or unpacks beyond the bound
	BadBatch            Reason = "bad_batch"            // a range of offsets whose batch cannot be decoded (from the consumer)
	DatabaseRejected    Reason = "database_rejected"    // PostgreSQL refused its values (from the sink)
)

// Reasons is every reason, in the order of the contract.
func Reasons() []Reason {
	return []Reason{
		Malformed, TooDeep, TooWide, Oversize, Ambiguous, BadNumber, ClockSkew, UnknownFormat,
		UnsupportedEncoding, TooManyWrappers, BadCompression, BadBatch, DatabaseRejected,
	}
}
