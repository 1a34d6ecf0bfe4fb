package traffic

import (
	"strconv"
	"time"
)

// sdkEvent is one event as an SDK hands it over, and what the books say of it.
type sdkEvent struct {
	name string
	// distinct is the user, the trace of an anonymous user, or an object where an application passed one by mistake.
	distinct  any
	anonymous bool
	uuid      string
	at        time.Time
	props     object
	book      event
	// ignored marks an event that has nothing to do with a model.
	ignored bool
}

// body is the event as the SDKs write it into a batch.
func (e sdkEvent) body(s sdk) object {
	return object{
		{"event", e.name}, {"properties", e.props}, {"timestamp", s.timestamp(e.at)}, {"uuid", e.uuid}, {"distinct_id", e.distinct},
	}
}

// timestamp is the moment of capture: milliseconds with Node, microseconds and an offset with Python.
func (s sdk) timestamp(at time.Time) string {
	if s == python {
		return at.UTC().Format("2006-01-02T15:04:05.000000+00:00")
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (s sdk) dialect() dialect {
	if s == python {
		return pythonic
	}
	return compact
}

// emit sends the event the way its application does, late after it happened.
func (g *Generator) emit(a app, e sdkEvent, late time.Duration) {
	due := e.at.Add(late)
	if a.bridge {
		g.emitBatch(a, []sdkEvent{e}, due)
		return
	}
	g.plan(capture(a, e, due))
}

// capture is the record that PostHog's capture service makes of an event: the event itself is a JSON string in it.
// Source: PostHog/posthog rust/common/types/src/event.rs and rust/capture/src/sinks/kafka.
func capture(a app, e sdkEvent, due time.Time) draft {
	topic := TopicAI
	if e.name == "$exception" {
		topic = TopicExceptions
	}
	distinct, ok := e.distinct.(string)
	if !ok {
		distinct = string(compact.encode(e.distinct))
	}
	now := due.UTC().Format("2006-01-02T15:04:05.000000Z")
	value := compact.encode(object{
		{"uuid", e.uuid}, {"distinct_id", distinct}, {"ip", "127.0.0.1"},
		{"data", string(compact.encode(e.body(a.sdk)))},
		{"now", now}, {"sent_at", node.timestamp(due)}, {"token", a.project}, {"event", e.name}, {"timestamp", node.timestamp(e.at)},
	})
	d := draft{topic: topic, value: value, happened: e.at, due: due}
	if !e.anonymous {
		d.key = []byte(a.project + ":" + distinct)
	}
	for _, h := range [][2]string{
		{"token", a.project}, {"distinct_id", distinct}, {"timestamp", strconv.FormatInt(e.at.UnixMilli(), 10)},
		{"event", e.name}, {"uuid", e.uuid}, {"now", now},
	} {
		d.headers = append(d.headers, Header{h[0], []byte(h[1])})
	}
	if !e.ignored {
		d.entry.events = []event{e.book}
	}
	return d
}

// emitBatch sends the HTTP body of an SDK's request, as a bridge mirrors it: without a key.
func (g *Generator) emitBatch(a app, events []sdkEvent, due time.Time) {
	d := draft{topic: TopicEvents, due: due}
	batch := make([]any, len(events))
	for i, e := range events {
		batch[i] = e.body(a.sdk)
		if e.at.After(d.happened) {
			d.happened = e.at
		}
		if !e.ignored {
			d.entry.events = append(d.entry.events, e.book)
		}
	}
	d.value = a.sdk.dialect().encode(object{{"api_key", a.project}, {"batch", batch}, {"sent_at", a.sdk.timestamp(due)}})
	g.plan(d)
}

// emitPlain sends an event that an application writes to Kafka itself, keyed by its user.
func (g *Generator) emitPlain(distinct string, body object, at time.Time, book event, noID bool) {
	g.plan(draft{
		topic: TopicEvents, key: []byte(distinct), value: compact.encode(body), happened: at, due: at,
		headers: []Header{{"content-type", []byte("application/json")}},
		entry:   entry{events: []event{book}}, noID: noID,
	})
}
