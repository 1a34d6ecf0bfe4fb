package consumer

import "sync"

const (
	// maxKept bounds a buffer that is kept for reuse: a single huge batch must not be paid for ever after.
	maxKept = 4 << 20
	// minBlock is the least that an arena takes at a time.
	minBlock = 64 << 10
)

// memory lends buffers to the readers of a client. A reader that waits for data holds none, so that the memory used
// follows what is being worked on and not the number of partitions.
type memory struct{ pool sync.Pool }

// take is a buffer of length n.
func (m *memory) take(n int) []byte {
	if b, _ := m.pool.Get().(*[]byte); b != nil && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n)
}

func (m *memory) give(b []byte) {
	if cap(b) > 0 && cap(b) <= maxKept {
		m.pool.Put(&b)
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
