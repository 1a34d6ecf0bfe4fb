package traffic

import (
	"encoding/json"
	"math/big"
	"strconv"
	"time"
)

// call is one request to a model as an application lives through it.
type call struct {
	app          app
	model        model
	prompt       prompt
	user         string
	anonymous    bool
	trace        string
	session      string
	span, parent string
	end          time.Time
	latency      time.Duration
	streamed     bool
	promptBytes  int
	sent         sentTokens
	fault        *fault
	// blocked: the provider cut the answer off, with status 200 and a stop reason that says so.
	blocked bool
	// reported is the application's own exact cost in USD, or empty.
	reported string
	// exceptionID names the exception that reports the same failure, or is empty.
	exceptionID string
}

// drawTokens makes up counts that fit the prompt and the provider's way of counting.
func (g *Generator) drawTokens(c *call) {
	whole := int64(c.promptBytes/4 + g.between(3, 40))
	c.sent = sentTokens{input: whole, output: int64(g.between(20, 700))}
	if c.model.embedding {
		c.sent.output = 0
		return
	}
	if c.model.cacheIn != "" && g.chance(0.4) {
		c.sent.cacheRead = whole * int64(g.between(10, 70)) / 100
	}
	if c.model.cacheOut != "" && g.chance(0.3) {
		c.sent.cacheWrite = (whole - c.sent.cacheRead) / 4
	}
	if c.model.exclusive {
		c.sent.input -= c.sent.cacheRead + c.sent.cacheWrite
	}
	if c.model.reasoningOutside && g.chance(0.5) {
		c.sent.reasoning = int64(g.between(10, 900))
	}
}

// cause is why the call failed, or the zero Cause.
func (c call) cause() Cause {
	switch {
	case c.fault != nil:
		return c.fault.cause
	case c.blocked:
		return ofModel("content_filter")
	}
	return Cause{}
}

// book is what the books say of the call. A failure without usage cost nothing.
func (c call) book() event {
	e := event{kind: kindCall, cause: c.cause()}
	switch {
	case c.fault != nil:
		e.usage = &usage{cost: new(big.Rat)}
	default:
		e.usage = c.model.usageOf(c.sent)
	}
	if c.reported != "" {
		e.usage.cost, _ = new(big.Rat).SetString(c.reported)
	}
	return e
}

// generation is the event that PostHog's SDK sends of the call ($ai_generation or $ai_embedding).
func (g *Generator) generation(c call) sdkEvent {
	name, id := "$ai_generation", g.uuid4()
	if c.model.embedding {
		name = "$ai_embedding"
	}
	if c.app.sdk == node {
		id = g.uuid7(c.end)
	}
	e := sdkEvent{name: name, distinct: c.user, anonymous: c.anonymous, uuid: id, at: c.end, book: c.book()}
	if c.anonymous {
		e.distinct = c.trace
	}
	e.props = g.generationProps(c)
	return e
}

func (g *Generator) generationProps(c call) object {
	p := object{}
	if c.app.sdk == node {
		p = p.set("$ai_lib", "posthog-ai").set("$ai_lib_version", "8.13.1")
	}
	p = p.set("$ai_provider", c.model.provider).set("$ai_model", c.model.name)
	p = p.set("$ai_model_parameters", object{{"temperature", json.Number("0.2")}, {"max_tokens", 900}, {"stream", c.streamed}})
	p = g.textProps(p, c)
	p = p.set("$ai_http_status", c.httpStatus())
	p = tokenProps(p, c)
	p = p.set("$ai_latency", secondsOf(c.latency))
	if c.streamed && c.fault == nil {
		p = p.set("$ai_time_to_first_token", secondsOf(c.latency/4))
	}
	p = p.set("$ai_trace_id", c.trace).set("$ai_session_id", c.session)
	if c.span != "" {
		p = p.set("$ai_span_id", c.span).set("$ai_parent_id", c.parent)
	}
	p = p.set("$ai_base_url", baseURL(c.model.provider)).set("$ai_tokens_source", "sdk")
	p = g.outcomeProps(p, c)
	return g.commonProps(p, c)
}

// textProps holds the prompt and the answer: what must not get further than the decoder.
func (g *Generator) textProps(p object, c call) object {
	if c.model.embedding {
		return p.set("$ai_input", g.text(c.promptBytes)).set("$ai_output_choices", nil)
	}
	p = p.set("$ai_input", []any{
		object{{"role", "system"}, {"content", "You are a careful assistant. " + Canary}},
		object{{"role", "user"}, {"content", g.text(c.promptBytes)}},
	})
	if c.fault != nil {
		return p.set("$ai_output_choices", []any{})
	}
	answer := object{{"type", "text"}, {"text", g.text(int(c.sent.output) * 4)}}
	return p.set("$ai_output_choices", []any{object{{"role", "assistant"}, {"content", []any{answer}}}})
}

// tokenProps: of a failed call Node sends no counts at all, Python sends 0.
func tokenProps(p object, c call) object {
	switch {
	case c.fault != nil && c.app.sdk == node:
		return p
	case c.fault != nil:
		return p.set("$ai_input_tokens", 0).set("$ai_output_tokens", 0)
	}
	p = p.set("$ai_input_tokens", c.sent.input)
	if !c.model.embedding {
		p = p.set("$ai_output_tokens", c.sent.output)
	}
	for _, f := range []struct {
		key string
		n   int64
	}{
		{"$ai_cache_read_input_tokens", c.sent.cacheRead},
		{"$ai_cache_creation_input_tokens", c.sent.cacheWrite},
		{"$ai_reasoning_tokens", c.sent.reasoning},
	} {
		if f.n > 0 {
			p = p.set(f.key, f.n)
		}
	}
	if c.reported != "" {
		p = p.set("$ai_total_cost_usd", json.Number(c.reported))
	}
	return p
}

func (g *Generator) outcomeProps(p object, c call) object {
	switch {
	case c.fault != nil:
		p = p.set("$ai_is_error", true).set("$ai_error", g.errorText(c))
		if c.exceptionID != "" {
			p = p.set("$exception_event_id", c.exceptionID)
		}
		return p
	case c.model.embedding:
		return p
	case c.blocked:
		return p.set("$ai_stop_reason", "content_filter")
	case c.model.provider == "anthropic":
		return p.set("$ai_stop_reason", "end_turn")
	}
	return p.set("$ai_stop_reason", "stop")
}

// commonProps are the application's own properties and what each SDK adds to every event.
func (g *Generator) commonProps(p object, c call) object {
	p = p.set("prompt_name", c.prompt.name).set("prompt_version_id", c.prompt.version).
		set("task_type", c.prompt.task).set("environment", c.app.environment).set("service", c.app.name).
		set("$feature/"+c.prompt.name+"-prompt-test", c.prompt.variant())
	if c.anonymous {
		p = p.set("$process_person_profile", false)
	}
	return libProps(p.set("$groups", object{{"company", "acme"}}), c.app.sdk)
}

func libProps(p object, s sdk) object {
	if s == python {
		return p.set("$lib", "posthog-python").set("$lib_version", "7.42.0").set("$is_server", true)
	}
	return p.set("$lib", "posthog-node").set("$lib_version", "5.70.0").set("$is_server", true)
}

// httpStatus is what the SDK says, which without an answer is a lie of its own: 500 from Node, 0 from Python.
func (c call) httpStatus() int {
	switch {
	case c.fault == nil:
		return 200
	case c.fault.status != 0:
		return c.fault.status
	case c.app.sdk == node:
		return 500
	}
	return 0
}

func baseURL(provider string) string {
	switch provider {
	case "azure":
		return "https://acme-demo.openai.azure.com/openai"
	case "vllm":
		return "http://inference.internal:8000/v1"
	case "gemini":
		return "https://generativelanguage.googleapis.com"
	}
	return "https://api." + provider + ".com/v1"
}

func secondsOf(d time.Duration) json.Number {
	return json.Number(strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
}
