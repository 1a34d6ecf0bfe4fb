package consumer

import (
	"errors"
	"fmt"

	"github.com/tracetally/tracetally/schemas"
)

// Chunk is a range of offsets that was read: every offset of [From, To) is in Records, or in a range of Bad, or holds
// nothing for us (a control marker, a record of an aborted transaction, an offset that compaction emptied).
//
// Records, their bytes and Bad are valid until the next call of Next or Release on the same Reader.
type Chunk struct {
	// From is where the last Chunk ended, To where the next one starts. From == To: nothing new.
	From, To int64
	// Records in order of their offsets.
	Records []schemas.Record
	// Bad ranges in order; they do not overlap each other or hold a record of Records.
	Bad []BadRange
	// HighWatermark is the end of the log, LastStable the end of what a consumer may read (transactions that are still
	// open begin there), LogStart the first offset that is left; as the broker gave them with these bytes.
	HighWatermark, LastStable, LogStart int64
	// Bytes is about how much memory the chunk keeps alive until the next call of Next or Release.
	Bytes int
}

// BadRange is a range of offsets whose bytes cannot be decoded, now or ever.
type BadRange struct {
	// From and To bound it: [From, To).
	From, To int64
	// Reason is schemas.BadCompression when only unpacking failed, else schemas.BadBatch.
	Reason schemas.Reason
	// Size is what it takes in the log, in bytes, as far as that can be told; 0 when not.
	Size int
	// SHA256 is of those bytes, batch header included; zero when not all of them were read.
	SHA256 [32]byte
}

// OutOfRange is the error of a Reader whose offset the log does not have. It is final: the Reader answers nothing else
// from then on, and it is the caller who decides between a gap and a halt.
type OutOfRange struct {
	Topic     string
	Partition int32
	// Wanted is the offset that was asked for. Below Log.LogStart: [Wanted, LogStart) was deleted before it was read.
	// Above Log.HighWatermark: the log has lost its end, or is another log of the same name.
	Wanted int64
	// Log is what the leader says it has, asked after the refusal.
	Log Bounds
}

func (e *OutOfRange) Error() string {
	return fmt.Sprintf("read offset %d of %s/%d: the log has %d to %d",
		e.Wanted, e.Topic, e.Partition, e.Log.LogStart, e.Log.HighWatermark)
}

// Bounds is what a partition's log has.
type Bounds struct {
	// LogStart is the first offset. LastStable is the first offset that a consumer of committed records cannot read yet,
	// HighWatermark the first that nobody can: LogStart ≤ LastStable ≤ HighWatermark.
	LogStart, LastStable, HighWatermark int64
	// LeaderEpoch is how often the partition had a new leader, as the leader itself says; -1 when it does not. Within one log
	// it never goes down.
	LeaderEpoch int32
}

// ErrUnavailable is in every error that will pass: no leader, no connection, a broker that refuses for now. The caller
// tries again; Reader.Next paces itself.
var ErrUnavailable = errors.New("partition is unavailable")
