package schemas

import "bytes"

// fillTrace reads the ids that join an event to others. The trace id is the first usable one of: PostHog's property, the
// article's, the header traceparent, and what the documented JavaScript example makes of it: captureException(error,
// {$ai_trace_id: …}) puts the whole object where posthog-node expects the user's id.
func (d *Decoder) fillTrace(out *Decoded, sh *shape) {
	e, p := &out.Event, &sh.props
	d.setTraceID(e, p.get(fTrace))
	if e.TraceID == "" {
		d.setTraceID(e, p.get(fTraceOther))
	} else if other := d.traceID(p.get(fTraceOther)); other != e.TraceID {
		e.AltTraceID = other
	}
	if e.TraceID == "" {
		d.setTraceIDText(e, d.headers.traceID())
	}
	d.recoverFromUser(out, sh)
	e.SpanID, e.ParentID = d.traceID(p.get(fSpan)), d.traceID(p.get(fParent))
	e.ExceptionEventID = d.eventID(p.get(fExceptionEvent))
	if session := p.get(fSession); session.kind != absent {
		e.SessionID = d.eventID(session)
	} else {
		e.SessionID = d.eventID(sh.get(eSession))
	}
}

// setTraceID takes a value as the event's trace id, normalised and as written.
func (d *Decoder) setTraceID(e *Event, v value) {
	if v.scalar() {
		text, _ := d.plain(v)
		d.setTraceIDText(e, text)
	}
}

func (d *Decoder) setTraceIDText(e *Event, text []byte) {
	text = trimSpace(text)
	e.TraceID = d.traceIDOf(text)
	if e.TraceIDRaw = e.TraceID; hexID(text) && string(text) != e.TraceID {
		e.TraceIDRaw = d.arena.text(text)
	}
}

// hasTraceID tells whether the properties hold a usable trace id.
func (d *Decoder) hasTraceID(p *properties) bool {
	for _, f := range [...]field{fTrace, fTraceOther} {
		if v := p.get(f); v.scalar() {
			text, _ := d.plain(v)
			if !noTraceID(trimSpace(text)) {
				return true
			}
		}
	}
	return false
}

// userValue is the user's id as sent, of whatever kind.
func userValue(sh *shape) value {
	if v := sh.get(eDistinctID); v.kind != absent {
		return v
	}
	return sh.props.get(fDistinctID)
}

// objectInUser is the JSON object that stands where the user's id should: as an object, or as PostHog's capture writes
// it, as text cut off after 200 characters.
func (d *Decoder) objectInUser(sh *shape) (value, bool) {
	v := userValue(sh)
	if v.kind != jsonString {
		return v, v.kind == jsonObject
	}
	if len(v.raw) == 0 || v.raw[0] != '{' {
		return v, false
	}
	text, _ := d.plain(v)
	return value{raw: text, kind: jsonObject}, bytes.HasPrefix(text, []byte(`{"`))
}

// recoverFromUser takes what it can use out of such an object: complete members only, since the end may be missing.
func (d *Decoder) recoverFromUser(out *Decoded, sh *shape) {
	v, ok := d.objectInUser(sh)
	if !ok {
		return
	}
	p := &d.recovered
	p.reset()
	s := scanner{buf: v.raw, esc: v.esc}
	d.scanProperties(&s, p)
	e := &out.Event
	for _, f := range [...]field{fTrace, fTraceOther} {
		if e.TraceID == "" {
			d.setTraceID(e, p.get(f))
		}
	}
	for _, f := range [...]field{fModel, fErrorType, fStage, fUserID} {
		if v := p.get(f); v.kind != absent && sh.props.get(f).kind == absent {
			sh.props.set(f, v)
		}
	}
}

// fillUser reads who used the model, unless the event is anonymous: PostHog then puts the trace id, or of an exception
// that it captured by itself a random id, in the user's place.
func (d *Decoder) fillUser(out *Decoded, sh *shape) {
	p := &sh.props
	v := userValue(sh)
	_, object := d.objectInUser(sh)
	anonymous := out.Event.Kind == ExceptionEvent && d.truth(p.get(fPersonProfile)) == Some(false)
	if !object && v.scalar() && !anonymous {
		text, _ := d.plain(v)
		norm, _ := appendTraceID(d.key[:0], text)
		if d.key = norm; string(text) != "[object Object]" && (len(norm) == 0 || string(norm) != out.Event.TraceID) {
			out.Sensitive.UserID = unsafeString(text)
		}
	}
	if user := p.get(fUserID); out.Sensitive.UserID == "" && user.scalar() {
		out.Sensitive.UserID = d.sensitive(user)
	}
}
