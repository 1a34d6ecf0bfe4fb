package consumer

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// filter tells which batches of one response belong to aborted transactions, as Java's consumer does
// (CompletedFetch.nextFetchedRecord): the broker lists the aborted transactions that touch the response by producer and
// first offset; each ends at that producer's next abort marker.
type filter struct {
	pending []abortedTxn // not reached yet, by first offset
	open    map[int64]struct{}
}

// reset begins a response. The list may come in any order.
func (f *filter) reset(aborted []abortedTxn) {
	f.pending = aborted
	slices.SortFunc(f.pending, func(a, b abortedTxn) int { return cmp.Compare(a.first, b.first) })
	clear(f.open)
}

// drop says whether nothing of b is to be delivered. Batches come in order.
func (f *filter) drop(b *batch) bool {
	for len(f.pending) > 0 && f.pending[0].first <= b.last {
		if f.open == nil {
			f.open = map[int64]struct{}{}
		}
		f.open[f.pending[0].producer] = struct{}{}
		f.pending = f.pending[1:]
	}
	if b.control() {
		if abortMarker(b.payload) {
			delete(f.open, b.producer)
		}
		return true
	}
	if !b.transactional() {
		return false
	}
	_, aborted := f.open[b.producer]
	return aborted
}

// abortMarker reads the key of a control batch's only record: a version and a type, of which 0 is an abort
// (https://kafka.apache.org/documentation/#controlbatch).
func abortMarker(payload []byte) bool {
	rec, _, ok := takeRecord(payload)
	if !ok || len(rec) == 0 {
		return false
	}
	f := fields{b: rec[1:]} // behind the attributes
	f.varint()              // timestamp delta
	f.varint()              // offset delta
	key := f.bytes()
	return !f.bad && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == 0
}
