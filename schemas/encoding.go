package schemas

import "bytes"

// foreignEncoding knows the first bytes of encodings that are not JSON: the schema registry's framing (0, id), its GUID
// framing (1), AWS Glue (3), gzip, zstd, msgpack's maps and arrays, and anything else with bytes that no text has.
func foreignEncoding(b []byte) bool {
	switch c := b[0]; {
	case c == 0:
		return len(b) > 5
	case c == 1:
		return len(b) > 17
	case c == 3:
		return len(b) > 18 && (b[1] == 0 || b[1] == 5)
	case c == 0x1f:
		return len(b) > 2 && b[1] == 0x8b
	case c == 0x28:
		return bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd})
	case c == '\n': // a protobuf field 1, or a line end
		return bytes.IndexByte(b, 0) > 0
	}
	return b[0] >= 0x80 && b[0] <= 0x9f || b[0] >= 0xdc && b[0] <= 0xdf
}
