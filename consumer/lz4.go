package consumer

import (
	"encoding/binary"
	"fmt"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame, https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. It is read here and its blocks by pierrec/lz4,
// because that package's frame reader takes the frame's word for the size of its buffers (4 MiB for a batch of 1 KiB from
// producers that use its defaults), and goes through them to get to ours.
const (
	lz4Magic = 0x184D2204

	lz4Version         = 1 << 6
	lz4VersionMask     = 3 << 6
	lz4Independent     = 1 << 5
	lz4BlockChecksum   = 1 << 4
	lz4ContentSize     = 1 << 3
	lz4ContentChecksum = 1 << 2
	lz4Reserved        = 1 << 1
	lz4Dictionary      = 1 << 0

	lz4Stored = 1 << 31 // in a block's size: it is not compressed
	lz4Window = 64 << 10
	// lz4Expansion is the most that a compressed byte can stand for.
	lz4Expansion = 255
)

// unlz4 appends the frames of src to dst. The frame's own checksums are not looked at: the batch's CRC has covered them.
func unlz4(src, dst []byte, limit int) ([]byte, error) {
	for len(src) > 0 {
		flags, block, rest, err := lz4Header(src)
		if err != nil {
			return nil, err
		}
		if dst, src, err = lz4Blocks(flags, block, rest, dst, limit); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// lz4Header gives the flags, the largest size of a block, and what follows.
func lz4Header(src []byte) (flags byte, block int, rest []byte, err error) {
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != lz4Magic {
		return 0, 0, nil, errCorrupt
	}
	flags = src[4]
	size := src[5] >> 4 & 7
	if flags&lz4VersionMask != lz4Version || flags&(lz4Reserved|lz4Dictionary) != 0 || size < 4 {
		return 0, 0, nil, errCorrupt
	}
	n := 7 // magic, flags, block size, header checksum
	if flags&lz4ContentSize != 0 {
		n += 8
	}
	if len(src) < n {
		return 0, 0, nil, errCorrupt
	}
	return flags, 1 << (8 + 2*size), src[n:], nil
}

// lz4Blocks appends the blocks up to the end mark and gives what follows the frame.
func lz4Blocks(flags byte, block int, src, dst []byte, limit int) (out, rest []byte, err error) {
	trailer := 0
	if flags&lz4BlockChecksum != 0 {
		trailer = 4
	}
	start := len(dst)
	for {
		if len(src) < 4 {
			return nil, nil, errCorrupt
		}
		head := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if head == 0 {
			break
		}
		n := int(head &^ lz4Stored)
		if n > block || n+trailer > len(src) {
			return nil, nil, errCorrupt
		}
		dict := dst[start:start]
		if flags&lz4Independent == 0 {
			dict = dst[max(start, len(dst)-lz4Window):]
		}
		if dst, err = lz4Block(src[:n], dst, dict, block, limit, head&lz4Stored != 0); err != nil {
			return nil, nil, err
		}
		src = src[n+trailer:]
	}
	if flags&lz4ContentChecksum != 0 {
		if len(src) < 4 {
			return nil, nil, errCorrupt
		}
		src = src[4:]
	}
	return dst, src, nil
}

// lz4Block appends one block. What it unpacks to is not written anywhere: it is tried in the room there is, then in twice
// that, up to what a block can be.
func lz4Block(src, dst, dict []byte, block, limit int, stored bool) ([]byte, error) {
	if stored {
		if len(dst)+len(src) > limit {
			return nil, errTooLarge
		}
		return append(dst, src...), nil
	}
	most := min(block, lz4Expansion*len(src))
	for {
		room := min(cap(dst)-len(dst), most, limit-len(dst))
		n, err := lz4.UncompressBlockWithDict(src, dst[len(dst):len(dst)+room], dict)
		if err == nil && n <= room {
			return dst[:len(dst)+n], nil
		}
		switch {
		case room == most:
			return nil, fmt.Errorf("unpack lz4: %w", errCorrupt)
		case room == limit-len(dst):
			return nil, errTooLarge
		}
		dst = grow(dst, limit)
	}
}
