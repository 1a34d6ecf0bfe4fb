package schemas

import "time"

// fillTiming reads latency and time to the first token. latency_ms says its unit; $ai_latency is seconds from every SDK
// and milliseconds in PostHog's beta documentation, so that of a hand-sent event is a guess unless the topic says.
func (d *Decoder) fillTiming(e *Event, p *properties) {
	e.TTFT = d.duration(p.get(fTTFT), time.Second)
	if !e.TTFT.Ok {
		e.TTFT = d.duration(p.get(fTTFTMS), time.Millisecond)
	}
	millis := d.duration(p.get(fLatencyMS), time.Millisecond)
	v := p.get(fLatency)
	unit, known := d.latencyUnit(v, p)
	if v.kind == absent || !known && millis.Ok {
		e.Latency = millis
	} else if e.Latency = d.duration(v, unit); e.Latency.Ok && !known {
		e.Warnings |= WarnLatencyUnitGuessed
	}
	// PostHog stamps an event when the call has ended, but what it takes in as OpenTelemetry when the span began.
	if e.Latency.Ok && d.word(p.get(fIngestion)) == "otel" {
		e.Time = e.Time.Add(e.Latency.V)
	}
}

// Above one of these an $ai_latency of unknown unit is taken for milliseconds: hardly a call takes 15 minutes, and
// hardly one takes a whole number of seconds from 100 on.
const (
	guessMillisAbove     = 900
	guessMillisWholeFrom = 100
)

func (d *Decoder) latencyUnit(v value, p *properties) (unit time.Duration, known bool) {
	if p.any(fLib, fFramework) || p.get(fTTFT).kind != absent || d.word(p.get(fIngestion)) == "otel" {
		return time.Second, true
	}
	switch d.topic.LatencyUnit {
	case LatencySeconds:
		return time.Second, true
	case LatencyMillis:
		return time.Millisecond, true
	}
	n, _ := d.decimal(v)
	whole := n.Scale() == 0
	if n.Cmp(NewDecimal(guessMillisAbove, 0)) > 0 || whole && n.Cmp(NewDecimal(guessMillisWholeFrom, 0)) >= 0 {
		return time.Millisecond, false
	}
	return time.Second, false
}
