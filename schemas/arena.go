package schemas

import (
	"encoding/binary"
	"unsafe"
)

// chunkBytes is how much an arena asks for at a time. A chunk lives until the last of its strings is gone, that is about
// as long as the batch that the events are in.
const chunkBytes = 16 << 10

// arena owns the strings of events: they are copied one behind the other into chunks, so that an event costs a part of an
// allocation instead of one per field. A chunk is only ever appended to, so the strings never change.
type arena struct {
	chunk  []byte
	inputs []CostInput
}

// text is b as a string that lives on its own.
func (a *arena) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > cap(a.chunk)-len(a.chunk) {
		a.chunk = make([]byte, 0, max(chunkBytes, len(b)))
	}
	start := len(a.chunk)
	a.chunk = append(a.chunk, b...)
	return unsafeString(a.chunk[start:])
}

// list is a copy of in that lives on its own.
func (a *arena) list(in []CostInput) []CostInput {
	if len(in) == 0 {
		return nil
	}
	if len(in) > cap(a.inputs)-len(a.inputs) {
		a.inputs = make([]CostInput, 0, max(256, len(in)))
	}
	start := len(a.inputs)
	a.inputs = append(a.inputs, in...)
	return a.inputs[start:len(a.inputs):len(a.inputs)]
}

// unsafeString is b without a copy. The bytes must never change afterwards, or the string must be gone by then.
func unsafeString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// internSlots bounds the table; a model, a prompt name or an environment has few values, and three that fall on one pair of
// slots only cost a copy.
const internSlots = 1024

// interner gives equal values one string. A value that it does not hold takes a slot of its pair, and what was there moves to
// the other one, so its memory is bounded whatever a producer sends. Its strings are allocated by themselves: in an arena one of them would keep a whole
// chunk alive.
type interner struct {
	slots [internSlots]string
}

func (t *interner) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	i := mix(b) >> (64 - 10)
	first, second := &t.slots[i], &t.slots[i^1]
	switch {
	case *first == string(b):
		return *first
	case *second == string(b):
		return *second
	}
	*first, *second = string(b), *first
	return *first
}

// mix hashes the length and both ends of b: enough to spread names, and it costs the same for any length.
func mix(b []byte) uint64 {
	var head, tail uint64
	if n := len(b); n >= 8 {
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	} else {
		for _, c := range b {
			head = head<<8 | uint64(c)
		}
	}
	return (head*0x9E3779B97F4A7C15 ^ tail*0xC2B2AE3D27D4EB4F ^ uint64(len(b))) * 0xD6E8FEB86659FD93
}
