package traffic

import "time"

// agent is a research agent's run: an embedding, a search, a few calls, and the trace that holds them together.
func (g *Generator) agent() {
	a, user, trace, session := agentApp(), g.user(), g.uuid4(), g.id("sess_")
	p := g.promptOf("research_step", "research")
	begun := g.clock.Add(g.seconds(0, 0.3))
	now := begun.Add(g.seconds(0.1, 0.4))

	embed := g.newCall(a, embeddingModel(), now)
	embed.user, embed.trace, embed.session, embed.prompt, embed.parent, embed.span = user, trace, session, p, trace, g.id("span_")
	g.finishCall(embed)
	now = now.Add(g.seconds(0.05, 0.3))
	g.emit(a, g.span(a, "$ai_span", "vector_search", user, trace, now, 120*time.Millisecond, nil), 0)

	var failed *call
	for range g.between(2, 4) {
		now = now.Add(g.seconds(0.5, 3))
		c := g.newCall(a, pick(g, chatModels()), now)
		c.user, c.trace, c.session, c.prompt, c.parent, c.span = user, trace, session, p, trace, g.id("span_")
		if c.fault = g.faultAt(c.model, c.end); c.fault != nil {
			failed = &c
			g.reportFailure(c)
			break
		}
		g.emit(a, g.generation(c), 0)
	}
	now = now.Add(g.seconds(0.01, 0.1))
	g.emit(a, g.span(a, "$ai_trace", "research_agent", user, trace, now, now.Sub(begun), failed), 0)
}

// span is a step around calls, or the trace itself. It repeats the failure of the call inside it: one failure, two
// records, and only the call counts.
func (g *Generator) span(a app, kind, name, user, trace string, at time.Time, took time.Duration, failed *call) sdkEvent {
	p := object{{"$ai_trace_id", trace}, {"$ai_span_name", name}, {"$ai_latency", secondsOf(took)}}
	if kind == "$ai_span" {
		p = p.set("$ai_span_id", g.id("span_")).set("$ai_parent_id", trace)
	}
	p = p.set("$ai_input_state", object{{"question", g.text(g.between(300, 1500))}})
	p = p.set("$ai_output_state", object{{"answer", g.text(g.between(300, 1500))}})
	p = p.set("$ai_is_error", failed != nil)
	if failed != nil {
		p = p.set("$ai_error", g.errorText(*failed))
	}
	p = libProps(p.set("$ai_lib", "posthog-ai").set("environment", a.environment).set("service", a.name), a.sdk)
	return sdkEvent{name: kind, distinct: user, uuid: g.uuid7(at), at: at, props: p, book: event{kind: kindSpan}}
}

// extraction is a batch job that reads documents: several calls in one request of the SDK, with an event between them
// that is none of ours.
func (g *Generator) extraction() {
	a := docExtract()
	now := g.clock
	var batch []sdkEvent
	for range g.between(2, 5) {
		now = now.Add(g.seconds(0.05, 0.6))
		c := g.newCall(a, pick(g, chatModels()[:3]), now)
		c.prompt = g.promptOf("extract_fields", "document_extraction")
		c.promptBytes = min(c.promptBytes, 7000)
		g.drawTokens(&c)
		c.fault = g.faultAt(c.model, c.end)
		batch = append(batch, g.generation(c))
	}
	if g.chance(0.3) {
		batch = append(batch, g.pageview(a, now))
	}
	g.emitBatch(a, batch, now.Add(g.seconds(0.05, 0.4)))
}

// noise is what a consumer of these topics meets and has no use for: a page view, a tombstone.
func (g *Generator) noise() {
	if g.chance(0.3) {
		g.plan(draft{topic: TopicEvents, key: []byte(g.user()), happened: g.clock, due: g.clock})
		return
	}
	d := capture(supportDesk(), g.pageview(supportDesk(), g.clock), g.clock)
	if g.chance(0.5) {
		d.topic = TopicEvents
	}
	g.plan(d)
}

func (g *Generator) pageview(a app, at time.Time) sdkEvent {
	props := object{{"$current_url", "https://shop.example/help"}, {"$browser", "Firefox"}, {"note", g.text(500)}}
	return sdkEvent{name: "$pageview", distinct: g.user(), uuid: g.uuid7(at), at: at, props: libProps(props, a.sdk), ignored: true}
}
