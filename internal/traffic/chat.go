package traffic

import (
	"fmt"
	"time"
)

// chat is one question to an assistant: one call, sometimes failing, sometimes with an answer that cannot be used.
func (g *Generator) chat() {
	a := pick(g, chatApps())
	c := g.newCall(a, g.chatModel(), g.clock.Add(g.seconds(0.2, 2)))
	c.prompt = g.promptOf("chat_answer", "chat")
	c.anonymous = g.chance(0.1)
	g.finishCall(c)
}

// newCall is a call that will go well.
func (g *Generator) newCall(a app, m model, end time.Time) call {
	c := call{
		app: a, model: m, user: g.user(), trace: g.uuid4(), session: g.id("sess_"), end: end,
		latency: g.seconds(0.3, 6), streamed: g.chance(0.5), promptBytes: g.promptSize(),
	}
	if m.embedding {
		c.streamed, c.latency, c.promptBytes = false, g.seconds(0.02, 0.3), g.between(200, 3000)
	}
	g.drawTokens(&c)
	return c
}

// chatModel is any model with a price, now and then one without.
func (g *Generator) chatModel() model {
	if g.chance(0.03) {
		return unknownModel()
	}
	return pick(g, chatModels())
}

// finishCall decides how the call ends and sends what the application reports of it.
func (g *Generator) finishCall(c call) {
	c.fault = g.faultAt(c.model, c.end)
	openAI := c.model.provider == "openai" || c.model.provider == "azure"
	switch {
	case c.fault != nil:
		g.reportFailure(c)
		return
	case openAI && !c.model.embedding && g.chance(0.006):
		c.blocked = true
	case c.model.provider == "azure" && g.chance(0.2):
		c.reported = fmt.Sprintf("0.%06d", g.between(1, 40000))
	case g.chance(0.012) && !c.model.embedding:
		g.reportUnparsable(c)
	}
	g.emit(c.app, g.generation(c), 0)
}

// faultAt is how a call to the model fails at a time, or nil: two in a hundred do, most do during an incident.
func (g *Generator) faultAt(m model, at time.Time) *fault {
	var f fault
	switch {
	case m.provider == "anthropic" && g.active(RateLimited, at) && g.chance(0.75):
		f = rateLimit()
	case !m.unknown && !m.embedding && g.chance(0.02):
		f = pick(g, faultsOf(m.provider))
	default:
		return nil
	}
	return &f
}

// reportFailure sends the failed call, and in most cases the exception that the application caught.
func (g *Generator) reportFailure(c call) {
	if !g.chance(0.8) {
		g.emit(c.app, g.generation(c), 0)
		return
	}
	x := g.exception(c.app, *c.fault, c.model, c.user, c.trace, c.end.Add(g.seconds(0.001, 0.02)))
	switch {
	case c.app.sdk == node && g.chance(0.2):
		x = misplaced(x, c.trace)
	case g.chance(0.25):
		// Captured by the SDK itself: the call names the exception, which knows neither user nor trace.
		x = g.exception(c.app, *c.fault, c.model, g.uuid7(c.end), "", x.at)
		c.exceptionID = x.uuid
	}
	g.emit(c.app, g.generation(c), 0)
	g.emit(c.app, x, g.lateness())
}

// reportUnparsable sends the exception of an application that could not read a good answer.
func (g *Generator) reportUnparsable(c call) {
	f := pick(g, unparsable())
	a := c.app
	a.sdk = python
	g.emit(a, g.exception(a, f, model{}, c.user, c.trace, c.end.Add(g.seconds(0.002, 0.05))), g.lateness())
}

// misplaced is the exception of an application that passes the properties in the place of the user, as the linking
// guide's example does with posthog-node: the trace id ends up inside the distinct id.
func misplaced(x sdkEvent, trace string) sdkEvent {
	x.distinct = object{{"$ai_trace_id", trace}, {"endpoint", "/api/answer"}}
	var props object
	for _, f := range x.props {
		if f.key != "$ai_trace_id" {
			props = append(props, f)
		}
	}
	x.props = props
	return x
}

// lateness is how long an exception is on its way: mostly a moment, for one in four up to Config.MaxLate.
func (g *Generator) lateness() time.Duration {
	if g.chance(0.75) {
		return g.seconds(0.01, 1.2)
	}
	return time.Duration(g.r.Int64N(int64(g.cfg.MaxLate) + 1))
}

// breakdown is an exception of an application without any call.
func (g *Generator) breakdown() {
	a := pick(g, []app{docExtract(), chatApps()[2]})
	trace := ""
	if g.chance(0.5) {
		trace = g.uuid4()
	}
	g.emit(a, g.exception(a, pick(g, broken()), model{}, g.user(), trace, g.clock.Add(g.seconds(0, 0.5))), g.lateness())
}
