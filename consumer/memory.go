package consumer

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// maxKept bounds a buffer that is kept for reuse: a single huge batch must not be paid for ever after.
	maxKept = 4 << 20
	// minBlock is the least that an arena takes at a time.
	minBlock = 64 << 10
)

// memory lends buffers to the readers of a client. A reader that waits for data holds none, so that the memory used
// follows what is being worked on and not the number of partitions. Buffers are of sizes 2^n, so that one that comes back
// fits the next who asks for about as much.
type memory struct {
	pools [sizes]sync.Pool
	swell atomic.Int64 // what a batch of some reader unpacked to lately: see Reader.swell
}

// sizes is one more than the n of the largest size that is kept.
const sizes = 23

// take is a buffer of length n.
func (m *memory) take(n int) []byte {
	class := bits.Len(uint(max(n, 1) - 1))
	if class >= sizes {
		return make([]byte, n)
	}
	if b, _ := m.pools[class].Get().(*[]byte); b != nil {
		return (*b)[:n]
	}
	return make([]byte, n, 1<<class)
}

// give takes a buffer back.
func (m *memory) give(b []byte) {
	class := bits.Len(uint(cap(b))) - 1 // it has room for 2^class at least
	if class >= 0 && class < sizes && cap(b) <= maxKept {
		m.pools[class].Put(&b)
	}
}

// arena holds the unpacked batches of one chunk.
type arena struct {
	memory *memory
	blocks [][]byte // the last one has room behind its length
	size   int
}

// room is an empty slice with a capacity of at least n, to append to.
func (a *arena) room(n int) []byte {
	if len(a.blocks) > 0 {
		last := a.blocks[len(a.blocks)-1]
		if cap(last)-len(last) >= n {
			return last[len(last):]
		}
	}
	b := a.memory.take(max(n, minBlock))[:0]
	a.blocks = append(a.blocks, b)
	return b
}

// keep holds on to b, which was appended to what the latest room gave.
func (a *arena) keep(b []byte) {
	a.size += len(b)
	last := a.blocks[len(a.blocks)-1]
	tail := last[len(last):cap(last)]
	if len(b) > 0 && len(tail) > 0 && &b[0] == &tail[0] {
		a.blocks[len(a.blocks)-1] = last[:len(last)+len(b)]
		return
	}
	// It outgrew the room and lives elsewhere; the room is still free.
	a.blocks[len(a.blocks)-1], b = b[:len(b):len(b)], last
	a.blocks = append(a.blocks, b)
}

func (a *arena) release() {
	for i, b := range a.blocks {
		a.memory.give(b)
		a.blocks[i] = nil
	}
	a.blocks, a.size = a.blocks[:0], 0
}
