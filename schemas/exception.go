package schemas

// Bounds on what is kept of an exception. The ends of a chain and of a stack say most: the captured exception and its
// root cause, the entry point and the line that raised.
const (
	maxExceptions = 50
	maxFrames     = 200 // of one exception
	// allFrames bounds what one record may cost in memory, however many exceptions its batch holds.
	allFrames = maxExceptions * maxFrames
)

// exceptions is the memory in which the chain of an exception is built.
type exceptions struct {
	chain  []Exception
	frames []Frame
	// stacks says which frames belong to which link of the chain: frames may move while it grows.
	stacks [][2]int
	// spent is how many frames the record had in events that are done with.
	spent int
}

// next forgets an event that was handed on, and not how much of the record's frames it took.
func (x *exceptions) next() {
	spent := x.spent + len(x.frames)
	x.reset()
	x.spent = spent
}

func (x *exceptions) reset() {
	x.spent = 0
	if cap(x.frames) > 4*maxFrames {
		*x = exceptions{}
	}
	x.chain, x.frames, x.stacks = x.chain[:0], x.frames[:0], x.stacks[:0]
}

// release forgets the texts, which point into the record.
func (x *exceptions) release() {
	clear(x.chain[:cap(x.chain)])
	clear(x.frames[:cap(x.frames)])
	x.reset()
}

// slot is where the i-th of many things goes if only the first and the last most/2 are kept, the last ones in a ring.
func slot(i, most int) int {
	half := most / 2
	if i < most {
		return i
	}
	return half + (i-half)%(most-half)
}

// unroll puts the ring behind slot into order; n is how many things there were.
func unroll[T any](kept []T, n, most int) {
	if n <= most {
		return
	}
	ring := kept[most/2:]
	first := (n - most/2) % len(ring)
	reverse(ring[:first])
	reverse(ring[first:])
	reverse(ring)
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// fillException reads a captured exception. Without a list of exceptions, or with an empty one, there is nothing to
// classify or to group by: older SDKs send one type and message instead, anything else is Malformed.
func (d *Decoder) fillException(out *Decoded, p *properties) Reason {
	s := &out.Sensitive
	d.fillError(s, p)
	s.ClientFingerprint = d.fingerprint(p.get(fFingerprint))
	first := len(d.stack.chain)
	if list := p.get(fExceptionList); list.kind == jsonArray {
		d.chain(list)
	} else if list.kind == absent {
		d.legacyException(p)
	}
	s.Exceptions = d.stack.chain[first:]
	if len(s.Exceptions) == 0 {
		return Malformed
	}
	out.Event.HTTPStatus = int(d.whole(p.get(fHTTPStatus), 999).V)
	return ""
}

// fingerprint is the producer's own group; PostHog sends a string, its older SDKs a list of strings.
func (d *Decoder) fingerprint(v value) string {
	if v.scalar() || v.kind == jsonArray && len(v.raw) > 2 {
		return d.sensitive(v)
	}
	return ""
}

func (d *Decoder) legacyException(p *properties) {
	typ, msg := d.sensitive(p.get(fExceptionType)), d.sensitive(p.get(fExceptionMessage))
	if typ != "" || msg != "" {
		d.stack.chain = append(d.stack.chain, Exception{Type: typ, Value: msg})
		d.stack.stacks = append(d.stack.stacks, [2]int{})
	}
}

// chain reads $exception_list: the captured exception first, then its causes.
func (d *Decoder) chain(list value) {
	x := &d.stack
	first := len(x.chain)
	s := scanner{buf: list.raw, esc: list.esc}
	s.open()
	n := 0
	for i := 0; s.element(&i); {
		if s.next() != '{' {
			s.value()
			continue
		}
		link, frames := d.link(&s)
		if at := first + slot(n, maxExceptions); at == len(x.chain) {
			x.chain, x.stacks = append(x.chain, link), append(x.stacks, frames)
		} else {
			x.chain[at], x.stacks[at] = link, frames
		}
		n++
	}
	unroll(x.chain[first:], n, maxExceptions)
	unroll(x.stacks[first:], n, maxExceptions)
	for i := range x.chain {
		x.chain[i].Frames = x.frames[x.stacks[i][0]:x.stacks[i][1]]
	}
}

// link reads one exception and puts its frames behind the others.
func (d *Decoder) link(s *scanner) (link Exception, frames [2]int) {
	s.open()
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return link, frames
		}
		name, _ := d.plain(k)
		if string(name) == "stacktrace" && s.next() == '{' {
			frames = d.stacktrace(s)
			continue
		}
		v, _ := s.value()
		switch string(name) {
		case "type":
			link.Type = d.textOnly(v)
		case "module":
			link.Module = d.textOnly(v)
		case "value":
			link.Value = d.textOnly(v)
		}
	}
}

// textOnly is the text of a string, "" of anything else.
func (d *Decoder) textOnly(v value) string {
	if v.kind != jsonString {
		return ""
	}
	return d.sensitive(v)
}

func (d *Decoder) stacktrace(s *scanner) (frames [2]int) {
	s.open()
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return frames
		}
		name, _ := d.plain(k)
		if string(name) == "frames" && s.next() == '[' {
			frames = d.frames(s)
			continue
		}
		s.value()
	}
}

func (d *Decoder) frames(s *scanner) [2]int {
	x := &d.stack
	first := len(x.frames)
	s.open()
	n := 0
	for i := 0; s.element(&i); {
		if s.next() != '{' {
			s.value()
			continue
		}
		f := d.frame(s)
		switch at := first + slot(n, maxFrames); {
		case at < len(x.frames):
			x.frames[at] = f
		case x.spent+at < allFrames:
			x.frames = append(x.frames, f)
		default:
			continue
		}
		n++
	}
	unroll(x.frames[first:], n, maxFrames)
	return [2]int{first, len(x.frames)}
}

func (d *Decoder) frame(s *scanner) (f Frame) {
	s.open()
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return f
		}
		v, _ := s.value()
		name, _ := d.plain(k)
		switch string(name) {
		case "filename":
			f.Filename = d.textOnly(v)
		case "module":
			f.Module = d.textOnly(v)
		case "function":
			f.Function = d.textOnly(v)
		case "context_line":
			f.ContextLine = d.textOnly(v)
		case "in_app":
			f.InApp = v.kind == jsonTrue
		}
	}
}
