package schemas

import (
	"slices"
	"strconv"
	"time"
)

// event reads one event of PostHog's shape. wrap is the object around it that has an id and a time too, or nil.
func (d *Decoder) event(sh, wrap *shape) Reason {
	name := sh.get(eEvent)
	if name.kind != jsonString || len(name.raw) == 0 {
		return Malformed
	}
	text, _ := d.plain(name)
	kind := d.kindOf(text, sh)
	if kind != 0 && sh.propsReason != "" {
		return sh.propsReason
	}
	if kind != 0 && sh.props.ambiguous {
		return Ambiguous
	}
	if d.decoded >= MaxEvents {
		return TooWide
	}
	out := d.nextEvent()
	d.decoded++
	out.Ignored, out.Event.Kind = kind == 0, kind
	d.identify(&out.Event, sh, wrap)
	reason := d.complete(unsafeString(text), out, sh)
	if d.each != nil {
		if reason == "" && d.result.Reject == "" {
			d.each(out)
		}
		d.result.Events = d.result.Events[:0]
		d.stack.next()
	}
	return reason
}

// complete reads the rest of an event that is ours.
func (d *Decoder) complete(name string, out *Decoded, sh *shape) Reason {
	if out.Ignored {
		return ""
	}
	if r := d.fill(name, out, sh); r != "" {
		return r
	}
	if ts := d.recordTime(); !ts.IsZero() && out.Event.Time.Sub(ts) > MaxSkew || d.ahead(out.Event.Time) {
		return ClockSkew
	}
	return ""
}

// ahead tells whether a time is further ahead of the clock than MaxAhead. The clock is asked when a time is later than what
// it allowed before, which is seldom.
func (d *Decoder) ahead(t time.Time) bool {
	if d.cfg.Now == nil || !t.After(d.latest) {
		return false
	}
	d.latest = d.cfg.Now().Add(MaxAhead)
	return t.After(d.latest)
}

// nextEvent is room for one more event, emptied in place: an event is large enough that building and copying one shows.
func (d *Decoder) nextEvent() *Decoded {
	n := len(d.result.Events)
	if n == cap(d.result.Events) {
		d.result.Events = slices.Grow(d.result.Events, 1)
	}
	d.result.Events = d.result.Events[:n+1]
	out := &d.result.Events[n]
	*out = Decoded{}
	return out
}

// identify sets id and time. An event without an id of its own gets one from its position: its producer is not
// deduplicated, but a replay of the same records still is.
func (d *Decoder) identify(e *Event, sh, wrap *shape) {
	id, stamp := sh.get(eUUID), sh.get(eTimestamp)
	if wrap != nil && !id.scalar() {
		id = wrap.get(eUUID)
	}
	if wrap != nil && stamp.kind == absent {
		stamp = wrap.get(eTimestamp)
	}
	if e.ID = d.eventID(id); e.ID == "" {
		e.ID = d.eventIDOf(d.headers.uuid)
	}
	if e.ID == "" {
		e.ID, e.IDMade = d.madeID(), true
	}
	e.Time = d.timeOf(stamp, e.ID, &e.Warnings)
}

// madeID is topic/partition/offset/index of the event.
func (d *Decoder) madeID() string {
	b := append(d.key[:0], d.record.Topic...)
	b = strconv.AppendInt(append(b, '/'), int64(d.record.Partition), 10)
	b = strconv.AppendInt(append(b, '/'), d.record.Offset, 10)
	b = strconv.AppendInt(append(b, '/'), int64(d.decoded-1), 10)
	d.key = b
	return d.arena.text(b)
}

// kindOf tells what an event is about, 0 if it is none of ours. Names that are not known by themselves are outcomes if
// they carry a trace id and nothing of a model's call, and evaluations if they carry the result of one.
func (d *Decoder) kindOf(name []byte, sh *shape) Kind {
	switch string(name) {
	case "$ai_generation", "$ai_embedding", "llm_request_started", "llm_request_completed", "llm_request_failed":
		return Call
	case "$ai_span", "$ai_trace":
		return Span
	case "$exception":
		return ExceptionEvent
	case "$ai_feedback", "llm_output_rated":
		return Feedback
	case "$ai_metric", "$ai_evaluation":
		return Evaluation
	case "llm_task_completed", "support_reply_sent", "support_ticket_resolved":
		return Outcome
	case "survey sent":
		if d.hasTraceID(&sh.props) {
			return Feedback
		}
		return 0
	}
	if name[0] == '$' {
		return 0
	}
	if sh.propsReason != "" { // present and unreadable: what it would have been cannot be told, so it is not passed over
		if k := sh.get(eProperties).kind; k == jsonString {
			return Outcome
		}
		return 0
	}
	return d.kindOfCustom(&sh.props)
}

func (d *Decoder) kindOfCustom(p *properties) Kind {
	switch {
	case p.any(fInputTokens, fReasoning), p.get(fUsage).kind != absent:
		return 0
	case p.any(fTaskCompleted, fUserFeedback) && d.hasTraceID(p):
		return Outcome
	case p.get(fEvalPassed).kind != absent, p.get(fEvalScore).kind != absent, p.get(fEvalReason).kind != absent:
		return Evaluation
	case d.hasTraceID(p):
		return Outcome
	}
	return 0
}

// foreignEvent tells from the name alone that an event is none of ours: PostHog's own events begin with $, and all of
// ours are known by name. A custom event has to be read to see whether it is an outcome.
func foreignEvent(name []byte) bool {
	if len(name) == 0 || name[0] != '$' {
		return false
	}
	switch string(name) {
	case "$ai_generation", "$ai_embedding", "$ai_span", "$ai_trace", "$exception", "$ai_feedback", "$ai_metric", "$ai_evaluation":
		return false
	}
	return true
}

// fill reads what the kind of event asks for.
func (d *Decoder) fill(name string, out *Decoded, sh *shape) Reason {
	e, p := &out.Event, &sh.props
	d.fillTrace(out, sh)
	d.fillDimensions(e, p)
	d.fillUser(out, sh)
	d.fillTiming(e, p)
	d.fillMeasures(e, p)
	switch e.Kind {
	case Call:
		return d.fillCall(name, out, p)
	case Span:
		d.fillSpan(name, out, p)
	case ExceptionEvent:
		return d.fillException(out, p)
	case Feedback, Outcome, Evaluation:
		return d.fillProduct(name, e, p)
	}
	return ""
}

// fillDimensions reads by what an event is grouped. The topic's defaults stand in for what it does not say.
func (d *Decoder) fillDimensions(e *Event, p *properties) {
	w := &e.Warnings
	e.Environment = or(d.name(p.get(fEnvironment), w), d.topic.Environment)
	e.Service = or(d.name(p.get(fService), w), d.topic.Service)
	e.ProviderRaw = or(d.name(p.get(fProvider), w), d.topic.Provider)
	if m := p.get(fModel); m.kind == jsonString { // a model that is a number or an object is no model
		e.ModelRaw = d.name(m, w)
	}
	e.PromptName = d.name(p.get(fPromptName), w)
	e.PromptVersion = d.name(p.get(fPromptVersion), w)
	e.PromptHash = d.name(p.get(fPromptHash), w)
	e.TaskType = d.name(p.get(fTaskType), w)
	e.AgentConfig = d.name(p.get(fAgentConfig), w)
	e.Step = d.name(p.get(fStep), w)
	e.Tool = d.name(p.get(fTool), w)
	e.OutputCategory = d.name(p.get(fOutputCategory), w)
	e.InputBucket = d.name(p.get(fInputBucket), w)
	e.OutputBucket = d.name(p.get(fOutputBucket), w)
	e.TraceURL = d.webLink(p.get(fTraceURL))
	e.RequestID = d.eventID(p.get(fRequest))
	e.Flag, e.Variant = d.name(p.get(fFlag), w), d.name(p.get(fVariant), w)
	if e.Flag == "" && p.flagName != nil {
		flag := value{raw: p.flagName[len(featurePrefix):], kind: jsonString}
		e.Flag, e.Variant = d.name(flag, w), d.name(p.flag, w)
	}
}

func or(s, instead string) string {
	if s != "" {
		return s
	}
	return instead
}
