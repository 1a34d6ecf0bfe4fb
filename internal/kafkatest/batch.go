package kafkatest

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch makes the bytes of a record batch whose header may say anything. Zero fields lie about nothing: Bytes fills in
// what the records call for.
type Batch struct {
	Base  int64
	Epoch int32
	// Attributes: codec in bits 0–2, 8 log append time, 16 transactional, 32 control.
	Attributes uint16
	// LastDelta is the offset of the last record relative to Base. Default: that of the last record of Count.
	LastDelta int32
	// Count of records claimed. Default: how many records there are.
	Count     int32
	BaseTime  int64
	MaxTime   int64
	Producer  int64
	Records   [][]byte // as Record makes them
	Payload   []byte   // takes the place of Records if not nil, for compressed ones
	Magic     int8     // default 2
	BadCRC    bool
	LyingSize int32 // added to the length
}

// Bytes is the batch on the wire.
func (b Batch) Bytes() []byte {
	payload := b.Payload
	if payload == nil {
		for _, r := range b.Records {
			payload = append(payload, r...)
		}
	}
	if b.Count == 0 {
		b.Count = int32(len(b.Records))
	}
	if b.LastDelta == 0 && b.Count > 0 {
		b.LastDelta = b.Count - 1
	}
	if b.Magic == 0 {
		b.Magic = 2
	}
	if b.Producer == 0 {
		b.Producer = -1
	}
	header := kmsg.RecordBatch{
		FirstOffset: b.Base, Length: int32(49 + len(payload)), PartitionLeaderEpoch: b.Epoch, Magic: b.Magic,
		Attributes: int16(b.Attributes), LastOffsetDelta: b.LastDelta, FirstTimestamp: b.BaseTime, MaxTimestamp: b.MaxTime,
		ProducerID: b.Producer, ProducerEpoch: -1, FirstSequence: -1, NumRecords: b.Count, Records: payload,
	}
	raw := header.AppendTo(nil)
	sum := crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli))
	if b.BadCRC {
		sum++
	}
	binary.BigEndian.PutUint32(raw[17:], sum)
	binary.BigEndian.PutUint32(raw[8:], uint32(49+len(payload))+uint32(b.LyingSize))
	return raw
}

// Record is a record on the wire, its length included. Headers may claim any number of headers without there being one.
func Record(delta int64, key, value []byte, headers int64, rest ...byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, 0) // timestamp delta
	body = binary.AppendVarint(body, delta)
	body = appendBytes(body, key)
	body = appendBytes(body, value)
	body = binary.AppendVarint(body, headers)
	body = append(body, rest...)
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

// Header is a header on the wire.
func Header(key string, value []byte) []byte {
	return appendBytes(appendBytes(nil, []byte(key)), value)
}

func appendBytes(to, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(to, -1)
	}
	return append(binary.AppendVarint(to, int64(len(b))), b...)
}
