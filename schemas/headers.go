package schemas

// headers is what is read of a record's headers: PostHog's event name and id, and the trace context of W3C (traceparent),
// which some clients put on records and CloudEvents carries as ce_traceparent.
type headers struct {
	event, uuid, traceparent []byte
}

// maxHeaders bounds how many headers are looked at.
const maxHeaders = 256

func readHeaders(in []Header) (h headers) {
	for i := range in[:min(len(in), maxHeaders)] {
		switch in[i].Key {
		case "event":
			h.event = in[i].Value
		case "uuid":
			h.uuid = in[i].Value
		case "traceparent":
			h.traceparent = in[i].Value
		case "ce_traceparent":
			if h.traceparent == nil {
				h.traceparent = in[i].Value
			}
		}
	}
	return h
}

// traceID is the trace id of a traceparent: 2 digits of version, a hyphen, 32 hex digits (W3C Trace Context, 3.2).
func (h headers) traceID() []byte {
	if len(h.traceparent) < 35 || h.traceparent[2] != '-' || !hexID(h.traceparent[3:35]) {
		return nil
	}
	return h.traceparent[3:35]
}
