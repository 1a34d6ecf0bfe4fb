package consumer

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

const (
	sizeEnd    = 12 // base offset and length stand before what the length counts
	magicAt    = 16
	crcAt      = 17
	crcEnd     = 21 // the CRC covers everything from here; not base offset, length and leader epoch, which brokers write
	headerSize = 61
)

// state is what is to be thought of a batch before its records are looked at.
type state uint8

const (
	// whole: the checksum holds.
	whole state = iota
	// cut: it goes on behind the end of the bytes.
	cut
	// damaged: the checksum does not hold, or there is no telling where it should be.
	damaged
	// outdated: a message set of before Kafka 0.11 (magic 0 or 1), which brokers of 4.0 and later do not have.
	outdated
)

// batch is a record batch of https://kafka.apache.org/documentation/#recordbatch. Of a batch that is not whole, the fields
// are what its header claims, or zero where it is too short to claim anything.
type batch struct {
	state state
	// size is what it takes on the wire, 0 when it does not say something possible.
	size int
	// base and last are its first and last offset; compaction keeps both when it takes records away. last < base: no
	// possible claim.
	base, last        int64
	epoch             int32
	attributes        uint16
	baseTime, maxTime int64 // milliseconds since 1970
	producer          int64
	count             int
	payload           []byte
}

func (b *batch) codec() int          { return int(b.attributes & 7) }
func (b *batch) logAppendTime() bool { return b.attributes&8 != 0 }
func (b *batch) transactional() bool { return b.attributes&16 != 0 }
func (b *batch) control() bool       { return b.attributes&32 != 0 }

//nolint:gochecknoglobals // a constant that Go cannot write as one
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readBatch looks at the first batch of data, which is not empty.
func readBatch(data []byte) batch {
	b := batch{state: cut, last: math.MinInt64}
	if len(data) < sizeEnd {
		return b
	}
	b.base = int64(binary.BigEndian.Uint64(data))
	length := int(int32(binary.BigEndian.Uint32(data[8:])))
	if length < magicAt+1-sizeEnd {
		b.state = damaged
		return b
	}
	b.size = sizeEnd + length
	if len(data) <= magicAt {
		return b
	}
	if magic := data[magicAt]; magic < 2 {
		return readOutdated(b, data)
	} else if magic > 2 || b.size < headerSize {
		b.state = damaged
		return b
	}
	if len(data) < headerSize {
		return b
	}
	b.readHeader(data)
	if len(data) < b.size {
		return b
	}
	b.state = whole
	b.payload = data[headerSize:b.size]
	if crc32.Checksum(data[crcEnd:b.size], castagnoli) != binary.BigEndian.Uint32(data[crcAt:]) || b.last < b.base || b.base < 0 {
		b.state = damaged
	}
	return b
}

func (b *batch) readHeader(data []byte) {
	b.epoch = int32(binary.BigEndian.Uint32(data[12:]))
	b.attributes = binary.BigEndian.Uint16(data[21:])
	if delta := int32(binary.BigEndian.Uint32(data[23:])); delta >= 0 && b.base <= math.MaxInt64-math.MaxInt32 {
		b.last = b.base + int64(delta)
	}
	b.baseTime = int64(binary.BigEndian.Uint64(data[27:]))
	b.maxTime = int64(binary.BigEndian.Uint64(data[35:]))
	b.producer = int64(binary.BigEndian.Uint64(data[43:]))
	b.count = int(int32(binary.BigEndian.Uint32(data[57:])))
}

// readOutdated: a message carries its own offset, and a compressed set of them the offset of its last one. Its checksum is
// an IEEE CRC of what follows it; without it, a current batch with one flipped bit in its magic would pass for a message.
func readOutdated(b batch, data []byte) batch {
	if len(data) < b.size {
		return b
	}
	b.state = damaged
	if crc32.ChecksumIEEE(data[magicAt:b.size]) == binary.BigEndian.Uint32(data[12:]) && b.base >= 0 && b.base < math.MaxInt64 {
		b.state, b.last = outdated, b.base
	}
	return b
}

// following is the base offset of the next batch in data, if that one is there and whole.
func (b *batch) following(data []byte) (int64, bool) {
	if b.size == 0 || b.size >= len(data) {
		return 0, false
	}
	next := readBatch(data[b.size:])
	return next.base, next.state == whole
}
