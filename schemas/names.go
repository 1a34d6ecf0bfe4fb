package schemas

// nameSlots is the size of the hash table below: a power of two, sparse enough that a probe mostly meets its name or
// nothing.
const nameSlots = 1024

// maxNameBytes is the longest name that is looked at; a longer one is none of ours.
const maxNameBytes = 64

// nameTable finds a property's name without allocation, faster than a map because it hashes both ends of a name instead
// of all of it. It holds 1 + the index into propertyNames.
type nameTable [nameSlots]uint8

var propertyIndex = buildNameTable()

func buildNameTable() *nameTable {
	t := new(nameTable)
	for i, n := range propertyNames {
		slot := mix([]byte(n.name)) >> (64 - 10)
		for t[slot] != 0 {
			slot = (slot + 1) % nameSlots
		}
		t[slot] = uint8(i + 1)
	}
	return t
}

// find is the index of a name in propertyNames, or -1.
func (t *nameTable) find(name []byte) int {
	if len(name) > maxNameBytes {
		return -1
	}
	for slot := mix(name) >> (64 - 10); t[slot] != 0; slot = (slot + 1) % nameSlots {
		if i := int(t[slot]) - 1; propertyNames[i].name == string(name) {
			return i
		}
	}
	return -1
}

// findVariant is the index of the name that this one is a spelling of in other case, or -1.
func (t *nameTable) findVariant(name []byte) int {
	var small [maxNameBytes]byte
	if len(name) > maxNameBytes {
		return -1
	}
	changed := false
	for i, c := range name {
		small[i] = lower(c)
		changed = changed || small[i] != c
	}
	if !changed {
		return -1
	}
	return t.find(small[:len(name)])
}
