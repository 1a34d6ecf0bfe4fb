package consumer

import (
	"encoding/binary"
	"errors"

	"github.com/segmentio/kafka-go"
)

// fetched is what a response says of the one partition that was asked for. Slices point into the response.
type fetched struct {
	code                                kafka.Error
	highWatermark, lastStable, logStart int64
	aborted                             []abortedTxn
	records                             []byte
	// silent: the broker says nothing of the partition, which is how it answers who is beyond a quota.
	silent bool
}

// abortedTxn: every record of this producer from first on was aborted, up to its next abort marker.
type abortedTxn struct{ producer, first int64 }

var errNoAnswer = errors.New("broker's answer cannot be read")

// readFetched reads a response of version 11 to a request for one partition. cut says that the end is missing: then the
// records go as far as the bytes do.
func readFetched(body []byte, topic string, partition int32, cut bool) (fetched, error) {
	c := cursor{b: body}
	c.int32() // throttle time: the broker itself delays what it throttles
	f := fetched{code: kafka.Error(c.int16())}
	c.int32() // session id
	topics := c.int32()
	if f.code != 0 || topics == 0 {
		f.silent = f.code == 0
		return f, c.check(true)
	}
	name := c.bytes(int(c.int16()))
	partitions := c.int32()
	index := c.int32()
	if topics != 1 || partitions != 1 || index != partition || string(name) != topic {
		return f, errNoAnswer
	}
	f.code = kafka.Error(c.int16())
	f.highWatermark, f.lastStable, f.logStart = c.int64(), c.int64(), c.int64()
	n := int(c.int32()) // -1: null
	if n > len(c.b)/16 {
		return f, errNoAnswer
	}
	for range max(0, n) {
		f.aborted = append(f.aborted, abortedTxn{producer: c.int64(), first: c.int64()})
	}
	c.int32() // preferred read replica
	size := int(c.int32())
	if cut {
		size = min(size, len(c.b))
	}
	f.records = c.bytes(max(0, size))
	return f, c.check(true)
}

// cursor reads big-endian fields. Past the end it gives zeros and remembers.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.short = nil, true
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) int16() int16 {
	if b := c.bytes(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.bytes(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) check(complete bool) error {
	if c.short || !complete {
		return errNoAnswer
	}
	return nil
}
