package sink

import "sync"

const (
	// blockBytes is how much memory for rows a batch takes at a time: some forty rows, and little enough for a batch of
	// one event in each of many partitions.
	blockBytes = 32 << 10
	// slabEvents is how many prepared events it takes at a time.
	slabEvents = 64
	// What else an event may bring into a batch, about: a combination of dimensions or of error labels that is new, with
	// its place in the map and with its strings; a record; a range.
	dimsBytes, failureBytes, recordBytes, rangeBytes = 640, 320, 24, 160
)

// slab holds prepared events; they are too large to be copied while a slice of them grows.
type slab [slabEvents]prepared

// slabBytes is the size of a slab: that of a prepared event is held by a test.
const slabBytes = slabEvents * preparedBytes

// preparedBytes is the size of a prepared event on a 64-bit machine.
const preparedBytes = 304

// Memory lends blocks to the batches of a worker and takes them back, so that what they hold stands still instead of being
// allocated anew for each commit. The zero value is ready; nil lends what is new each time.
type Memory struct{ blocks, slabs, spares sync.Pool }

func (m *Memory) block() *[blockBytes]byte {
	if m != nil {
		if b, ok := m.blocks.Get().(*[blockBytes]byte); ok {
			return b
		}
	}
	return new([blockBytes]byte)
}

func (m *Memory) slab() *slab {
	if m != nil {
		if s, ok := m.slabs.Get().(*slab); ok {
			return s
		}
	}
	return new(slab)
}

// labels are the distinct dimensions and error labels of a batch's events, and what their rows are made in.
type labels struct {
	dims         []dims
	dimsIndex    map[dims]int32
	lastDims     int32
	failures     []failureKey
	failureIndex map[failureKey]int32
	before       [2]int // how many of both there were before the last record
	row          rows
	digest       digest
}

// spare is what a batch leaves to another one besides its blocks, if that is no more than most batches need.
type spare struct {
	labels  labels
	records []RecordEvents
}

// mostSpared is how many dimensions or records a spare may have room for.
const mostSpared = 8192

func (m *Memory) labels() (labels, []RecordEvents) {
	if m != nil {
		if s, ok := m.spares.Get().(*spare); ok {
			return s.labels, s.records
		}
	}
	return labels{dimsIndex: map[dims]int32{}, failureIndex: map[failureKey]int32{}}, nil
}

func (m *Memory) giveLabels(l *labels, records []RecordEvents) {
	if m == nil || cap(l.dims) > mostSpared || cap(l.failures) > mostSpared || cap(records) > mostSpared || cap(l.row.buf) > blockBytes {
		return
	}
	clear(l.dims)
	clear(l.failures)
	clear(l.dimsIndex)
	clear(l.failureIndex)
	s := &spare{records: records[:0], labels: *l}
	s.labels.dims, s.labels.failures, s.labels.lastDims = l.dims[:0], l.failures[:0], 0
	m.spares.Put(s)
}

// rowStore is the memory of a batch's events.
type rowStore struct {
	memory *Memory
	n      int // events
	slabs  []*slab
	blocks []*[blockBytes]byte
	free   []byte // the rest of the last block
	long   int    // bytes of rows that are longer than a block
}

// Len is the number of events.
func (s *rowStore) Len() int { return s.n }

// at is the i-th event.
func (s *rowStore) at(i int) *prepared { return &s.slabs[i/slabEvents][i%slabEvents] }

// next is room for one more event, as the last user left it.
func (s *rowStore) next() *prepared {
	if s.n == len(s.slabs)*slabEvents {
		s.slabs = append(s.slabs, s.memory.slab())
	}
	s.n++
	return s.at(s.n - 1)
}

// keep copies a row into the store.
func (s *rowStore) keep(row []byte) []byte {
	if len(row) > blockBytes {
		s.long += len(row)
		return append([]byte(nil), row...)
	}
	if len(row) > len(s.free) {
		b := s.memory.block()
		s.blocks = append(s.blocks, b)
		s.free = b[:]
	}
	kept := s.free[:len(row):len(row)]
	s.free = s.free[copy(kept, row):]
	return kept
}

// bytes is what the store holds.
func (s *rowStore) bytes() int {
	return len(s.slabs)*slabBytes + len(s.blocks)*blockBytes + s.long
}

// release gives the memory back: nothing of the store may be looked at any more.
func (s *rowStore) release() {
	if s.memory != nil {
		for _, b := range s.blocks {
			s.memory.blocks.Put(b)
		}
		for _, b := range s.slabs {
			*b = slab{} // what it points to must not live on
			s.memory.slabs.Put(b)
		}
	}
	*s = rowStore{memory: s.memory}
}
