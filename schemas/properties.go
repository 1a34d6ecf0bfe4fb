package schemas

// properties is what one event's properties say, before anything is made of it.
type properties struct {
	// seen holds a bit for every name that stood in the object, has one for every field that holds a value.
	seen, has [4]uint64
	values    [fLast]value
	ranks     [fLast]uint8
	// flag is the smallest $feature/ name and its variant: one of several must be chosen, and the order of keys is no
	// ground, since PostHog writes the same event to two topics.
	flagName []byte
	flag     value
	// ambiguous: a billing name stood there twice.
	ambiguous bool
}

const featurePrefix = "$feature/"

func (p *properties) reset() {
	p.seen, p.has = [4]uint64{}, [4]uint64{}
	p.flagName, p.flag = nil, value{}
	p.ambiguous = false
}

// get is the value of a field; its kind is absent if there is none.
func (p *properties) get(f field) value {
	if p.has[f>>6]>>(f&63)&1 == 0 {
		return value{}
	}
	return p.values[f]
}

// any tells whether one of the fields from first to last holds a value.
func (p *properties) any(first, last field) bool {
	for w := first >> 6; w <= last>>6; w++ {
		mask := ^uint64(0)
		if w == first>>6 {
			mask <<= first & 63
		}
		if w == last>>6 {
			mask &= ^uint64(0) >> (63 - last&63)
		}
		if p.has[w]&mask != 0 {
			return true
		}
	}
	return false
}

// scanProperties consumes an object, whose bracket is at pos, into p.
func (d *Decoder) scanProperties(s *scanner, p *properties) bool {
	if !s.open() {
		return false
	}
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return s.reason == ""
		}
		v, ok := s.value()
		if !ok {
			return false
		}
		name := k.raw
		if k.escaped {
			name, _ = d.plain(k)
		}
		p.put(name, v)
	}
}

func (p *properties) put(name []byte, v value) {
	i := propertyIndex.find(name)
	if i < 0 {
		p.putUnknown(name, v)
		return
	}
	n := &propertyNames[i]
	p.markSeen(i)
	if v.kind == jsonNull {
		return // null says nothing, so the next name for the field is asked
	}
	if p.get(n.field).kind == absent || p.ranks[n.field] >= n.rank {
		p.set(n.field, v)
		p.ranks[n.field] = n.rank
	}
}

func (p *properties) set(f field, v value) {
	p.has[f>>6] |= 1 << (f & 63)
	p.values[f] = v
}

// markSeen notes that a name, or a spelling of it, stood in the object.
func (p *properties) markSeen(i int) {
	word, bit := i>>6, uint64(1)<<(i&63)
	if p.seen[word]&bit != 0 && propertyNames[i].field.billing() {
		p.ambiguous = true
	}
	p.seen[word] |= bit
}

// putUnknown looks for feature flags and for billing names in another case, and forgets the rest.
func (p *properties) putUnknown(name []byte, v value) {
	if len(name) > len(featurePrefix) && string(name[:len(featurePrefix)]) == featurePrefix {
		if v.scalar() && (p.flagName == nil || string(name) < string(p.flagName)) {
			p.flagName, p.flag = name, v
		}
		return
	}
	if i := propertyIndex.findVariant(name); i >= 0 {
		p.markSeen(i)
	}
}
