package schemas

// outer is one key of the object around an event.
type outer uint8

// The keys by which formats are told apart, and those that an event is read from.
const (
	eEvent outer = iota
	eUUID
	eTimestamp
	eDistinctID
	eProperties
	eData
	eBatch
	eStrict // the keys before this one must not stand twice
	eSession
	eToken
	eNow
	eTeamID
	eElementsChain
	ePersonMode
	eAPIKey
	eCreatedAt
	eNone
)

// shape is what was found in one JSON object that may be a record of a known format. Every format is told from the keys
// of the outermost object, so one pass finds the format and the event at once.
type shape struct {
	has    uint32
	values [eNone]value
	props  properties
	// propsReason says why the properties cannot be used, dataReason the same of the event inside of data.
	propsReason, dataReason Reason
	ambiguous               bool
}

func (sh *shape) reset() {
	sh.has = 0
	sh.props.reset()
	sh.propsReason, sh.dataReason = Malformed, Malformed
	sh.ambiguous = false
}

// get is the value of a key; absent if the object lacks it or says null.
func (sh *shape) get(e outer) value {
	if sh.has>>e&1 == 0 || sh.values[e].kind == jsonNull {
		return value{}
	}
	return sh.values[e]
}

// holds tells whether the object has all of the keys, be they null.
func (sh *shape) holds(keys ...outer) bool {
	for _, k := range keys {
		if sh.has>>k&1 == 0 {
			return false
		}
	}
	return true
}

func outerKey(name string) outer {
	switch name {
	case "event":
		return eEvent
	case "uuid":
		return eUUID
	case "timestamp":
		return eTimestamp
	case "distinct_id":
		return eDistinctID
	case "properties":
		return eProperties
	case "data":
		return eData
	case "batch":
		return eBatch
	case "session_id":
		return eSession
	case "token":
		return eToken
	case "now":
		return eNow
	case "team_id":
		return eTeamID
	case "elements_chain":
		return eElementsChain
	case "person_mode":
		return ePersonMode
	case "api_key":
		return eAPIKey
	case "created_at":
		return eCreatedAt
	}
	return eNone
}

// scanShape consumes an object, whose bracket is at pos. Properties are read on the way; data, if it is a string, too,
// as an object of its own into inner (nil: data is passed over).
func (d *Decoder) scanShape(s *scanner, sh, inner *shape) bool {
	sh.reset()
	if !s.open() {
		return false
	}
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return s.reason == ""
		}
		name := k.raw
		if k.escaped {
			name, _ = d.plain(k)
		}
		e := outerKey(unsafeString(name))
		if e == eNone {
			sh.noteVariant(name)
		}
		v, ok := d.scanOuter(s, e, sh, inner)
		if !ok {
			return false
		}
		sh.put(e, v)
	}
}

// noteVariant marks a key that is written in another case; it is not read.
func (sh *shape) noteVariant(name []byte) {
	var small [16]byte
	if len(name) > len(small) {
		return
	}
	for i, c := range name {
		small[i] = lower(c)
	}
	if e := outerKey(string(small[:len(name)])); e < eStrict {
		sh.noteTwice(e)
		sh.has |= 1 << (16 + e)
	}
}

func (sh *shape) put(e outer, v value) {
	if e == eNone {
		return
	}
	sh.noteTwice(e)
	sh.has |= 1 << e
	sh.values[e] = v
}

// noteTwice marks the object ambiguous if the key, or (in the upper half of has) a spelling of it, was there before.
func (sh *shape) noteTwice(e outer) {
	if e < eStrict && sh.has>>e&0x10001 != 0 {
		sh.ambiguous = true
	}
}

// scanOuter consumes the value of key e.
func (d *Decoder) scanOuter(s *scanner, e outer, sh, inner *shape) (value, bool) {
	c := s.next()
	switch {
	case e == eProperties && c == '{':
		start := s.pos
		sh.propsReason = ""
		ok := d.scanInto(s, e, sh, inner)
		return value{raw: s.buf[start:s.pos], kind: jsonObject, esc: s.esc}, ok
	case e == eProperties && c == '"':
		v, reason := d.scanInText(s, e, sh, inner)
		sh.propsReason = reason
		return v, s.reason == ""
	case e == eData && c == '"' && inner != nil:
		v, reason := d.scanInText(s, e, sh, inner)
		sh.dataReason = reason
		return v, s.reason == ""
	}
	return s.value()
}

// scanInto consumes the object that key e holds.
func (d *Decoder) scanInto(s *scanner, e outer, sh, inner *shape) bool {
	if e == eData {
		return d.scanShape(s, inner, nil)
	}
	sh.props.reset()
	return d.scanProperties(s, &sh.props)
}

// scanInText consumes a string and reads the JSON object in it: in place, unless the string is in another string itself
// or spells its structure with \u escapes. reason is empty if the object was read. A string that holds no JSON is no
// fault of the record until a format says that it must; only s.reason ends the walk.
func (d *Decoder) scanInText(s *scanner, e outer, sh, inner *shape) (v value, reason Reason) {
	odd := s.esc
	if !s.esc {
		in := scanner{buf: s.buf, pos: s.pos + 1, esc: true}
		if d.scanWhole(&in, e, sh, inner) && in.pos < len(in.buf) && in.buf[in.pos] == '"' {
			v = value{raw: s.buf[s.pos+1 : in.pos], kind: jsonString, escaped: true}
			s.pos = in.pos + 1
			return v, ""
		}
		reason, odd = in.reason, in.odd
	}
	v, ok := s.text()
	if ok && odd {
		text, _ := d.plain(v)
		in := scanner{buf: text}
		if d.scanWhole(&in, e, sh, inner) && in.pos == len(text) {
			return v, ""
		}
		reason = in.reason
	}
	if reason == "" {
		reason = Malformed
	}
	return v, reason
}

// scanWhole reads an object that nothing but white space surrounds.
func (d *Decoder) scanWhole(s *scanner, e outer, sh, inner *shape) bool {
	return s.next() == '{' && d.scanInto(s, e, sh, inner) && s.next() == 0
}
