package traffic

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// uuid4 and uuid7 are ids as the Python and the Node SDK make them; uuid7 holds the time in milliseconds.
func (g *Generator) uuid4() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], g.r.Uint64())
	binary.BigEndian.PutUint64(b[8:], g.r.Uint64())
	return format(b, 4)
}

func (g *Generator) uuid7(at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<16|g.r.Uint64()&0xffff)
	binary.BigEndian.PutUint64(b[8:], g.r.Uint64())
	return format(b, 7)
}

func format(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// id is a prefix and 16 hex digits, as hand-written trace, request and span ids are.
func (g *Generator) id(prefix string) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], g.r.Uint64())
	return prefix + hex.EncodeToString(b[:])
}
