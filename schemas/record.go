package schemas

import "time"

// Record is what Kafka holds at one position. Key, Value and Headers may point into a buffer of the reader and are
// valid until the reader is asked for more.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	// Timestamp is the record's own (create or append time, whatever the topic says), in UTC; zero when unknown.
	Timestamp time.Time
	// Key is nil when the record has none.
	Key []byte
	// Value is nil for a tombstone, which differs from an empty value.
	Value   []byte
	Headers []Header
}

// Header is one header of a record. Value may be nil.
type Header struct {
	Key   string
	Value []byte
}
