package consumer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Codecs by the number in a batch's attributes.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

var (
	errTooLarge = errors.New("batch unpacks beyond its limit")
	errCorrupt  = errors.New("compressed batch is corrupt")
)

// codecs unpacks batches. It is shared by the readers of a client and safe for concurrent use.
type codecs struct {
	limit int // of one batch after unpacking
	gzips sync.Pool

	onceZstd  sync.Once
	zstd      *zstd.Decoder // has a decoder per core and waits for a free one
	smallZstd *zstd.Decoder // the same for ordinary batches
	wideZstd  *zstd.Decoder
	zstdErr   error
}

// ordinary is the size up to which any number of batches may be unpacked at a time, if somebody counts larger ones
// (Reader.Large): producers make batches of 16 KiB to 1 MiB.
const ordinary = 4 << 20

// unpack appends what src holds to dst, an empty slice. It never writes more than limit bytes; that is the codecs' own, or
// ordinary.
func (c *codecs) unpack(codec int, src, dst []byte, limit int) ([]byte, error) {
	switch codec {
	case codecGzip:
		return c.gunzip(src, dst, limit)
	case codecSnappy:
		return unsnappy(src, dst, limit)
	case codecLZ4:
		return unlz4(src, dst, limit)
	case codecZstd:
		return c.unzstd(src, dst, limit)
	}
	return nil, fmt.Errorf("unknown codec %d", codec)
}

type gunzipper struct {
	src bytes.Reader
	gz  gzip.Reader
}

func (c *codecs) gunzip(src, dst []byte, limit int) ([]byte, error) {
	g, _ := c.gzips.Get().(*gunzipper)
	if g == nil {
		g = new(gunzipper)
	}
	defer c.gzips.Put(g)
	g.src.Reset(src)
	if err := g.gz.Reset(&g.src); err != nil {
		return nil, fmt.Errorf("open gzip: %w", err)
	}
	return readBounded(&g.gz, dst, limit)
}

// readBounded appends everything of r to dst.
func readBounded(r io.Reader, dst []byte, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = grow(dst, limit+1)
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		if len(dst) > limit {
			return nil, errTooLarge
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
	}
}

// grow doubles the capacity of b, up to most.
func grow(b []byte, most int) []byte {
	bigger := make([]byte, len(b), max(len(b), min(most, max(2*cap(b), minBlock))))
	copy(bigger, b)
	return bigger
}

// xerialMagic begins the framing of the Java library xerial snappy, which Kafka's own producer uses; after it stand two
// version numbers, then blocks, each with its length before it. Others send one bare block.
const (
	xerialMagic  = "\x82SNAPPY\x00"
	xerialHeader = len(xerialMagic) + 8
)

func unsnappy(src, dst []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(xerialMagic)) {
		return unsnappyBlock(src, dst, limit)
	}
	if len(src) < xerialHeader {
		return nil, errCorrupt
	}
	for src = src[xerialHeader:]; len(src) > 0; {
		if len(src) < 4 {
			return nil, errCorrupt
		}
		n := int64(binary.BigEndian.Uint32(src))
		if n > int64(len(src)-4) {
			return nil, errCorrupt
		}
		var err error
		if dst, err = unsnappyBlock(src[4:4+n], dst, limit); err != nil {
			return nil, err
		}
		src = src[4+n:]
	}
	return dst, nil
}

// unsnappyBlock knows the size before it unpacks.
func unsnappyBlock(src, dst []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, fmt.Errorf("unpack snappy: %w", err)
	}
	if n > limit-len(dst) {
		return nil, errTooLarge
	}
	for cap(dst)-len(dst) < n {
		dst = grow(dst, max(limit, len(dst)+n))
	}
	out, err := snappy.Decode(dst[len(dst):len(dst)+n], src)
	if err != nil {
		return nil, fmt.Errorf("unpack snappy: %w", err)
	}
	return dst[:len(dst)+len(out)], nil
}

// zstdWindow is the largest window that a frame may ask for: the most that zstd's own command line makes. It costs nothing,
// because a whole frame is unpacked into one buffer.
const zstdWindow = 1 << 31

// openZstd makes the decoders. The first two have a limit on their memory, which they take for one on the window too. So
// frames of level 20 and above, whose window is 32 MiB and more however little they hold, go to the third, which is bounded
// by the buffer that it gets; but it cannot tell a buffer too small from a corrupt frame, so that has to be the largest.
func (c *codecs) openZstd() {
	c.zstd, c.zstdErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uint64(c.limit)))
	if c.zstdErr == nil {
		c.smallZstd, c.zstdErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(min(c.limit, ordinary))))
	}
	if c.zstdErr == nil {
		c.wideZstd, c.zstdErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(zstdWindow))
	}
}

func (c *codecs) unzstd(src, dst []byte, limit int) ([]byte, error) {
	if c.onceZstd.Do(c.openZstd); c.zstdErr != nil {
		return nil, fmt.Errorf("set up zstd: %w", c.zstdErr)
	}
	var head zstd.Header
	if err := head.Decode(src); err != nil {
		return nil, fmt.Errorf("unpack zstd: %w", err)
	}
	decoder := c.zstd
	wide := !head.SingleSegment && head.WindowSize > uint64(c.limit)
	if limit < c.limit {
		if wide || !head.SingleSegment && head.WindowSize > uint64(limit) {
			return nil, errTooLarge
		}
		decoder = c.smallZstd
	}
	if wide {
		decoder, dst = c.wideZstd, make([]byte, 0, c.limit)
	}
	out, err := decoder.DecodeAll(src, dst)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("unpack zstd: %w", err)
	}
	if wide {
		out = bytes.Clone(out)
	}
	return out, nil
}
