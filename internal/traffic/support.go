package traffic

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

// ticket is one answer in a support desk that reports hand-written analytics events, as the article on LLM analytics
// in PostHog shows them: started, completed or failed, then perhaps rated, then perhaps done.
type ticket struct {
	user, trace, request string
	model                model
	prompt               prompt
	begun, ended         time.Time
}

func (g *Generator) support() {
	begun := g.clock.Add(g.seconds(0, 0.4))
	t := ticket{
		user: g.user(), trace: g.id("trace_"), request: g.id("req_"), model: g.supportModel(),
		prompt: g.promptOf("support_answer", "support_reply"), begun: begun, ended: begun.Add(g.seconds(0.4, 5)),
	}
	if g.chance(0.5) {
		t.trace = g.uuid4()
	}
	g.emitTicket(t, "llm_request_started", t.begun, nil, event{kind: kindStarted})
	if f, ok := g.ticketFault(t); ok {
		g.failTicket(t, f)
		return
	}
	estimate := g.completeTicket(t)
	g.followUp(t, estimate)
}

func (g *Generator) supportModel() model {
	if g.chance(0.05) {
		return unknownModel()
	}
	models := chatModels()
	return pick(g, []model{models[0], models[0], models[2], models[6], models[9]})
}

// emitTicket sends an event with the core properties and more. One in twenty comes without a timestamp: its time is in
// its id. One in fifty has no id: nobody can recognise a second copy of it.
func (g *Generator) emitTicket(t ticket, name string, at time.Time, more object, book event) {
	props := object{
		{"trace_id", t.trace}, {"request_id", t.request}, {"account_id", "acc_" + t.user[5:7]},
		{"prompt_name", t.prompt.name}, {"prompt_version_id", t.prompt.version},
		{"provider", t.model.provider}, {"model", t.model.name}, {"environment", "production"}, {"service", supportDesk().name},
	}
	for _, f := range more {
		props = props.set(f.key, f.value)
	}
	body := object{{"event", name}, {"distinct_id", t.user}, {"properties", libProps(props, node)}}
	noID := g.chance(0.02)
	if !noID {
		body = body.set("uuid", g.uuid7(at))
	}
	if noID || !g.chance(0.05) {
		body = body.set("timestamp", node.timestamp(at))
	}
	g.emitPlain(t.user, body, at, book, noID)
}

// completeTicket sends the answer's event and returns the application's estimate of its cost, in USD.
func (g *Generator) completeTicket(t ticket) string {
	sent := sentTokens{input: int64(g.between(300, 9000)), output: int64(g.between(40, 600))}
	estimate := fmt.Sprintf("0.%04d", g.between(1, 400))
	book := event{kind: kindCall, usage: t.model.usageOf(sent)}
	if t.model.unknown {
		// Nobody knows the price, so the application's own estimate is the best figure there is.
		book.usage.cost, _ = new(big.Rat).SetString(estimate)
	}
	g.emitTicket(t, "llm_request_completed", t.ended, object{
		{"prompt_hash", "sha256:9f2c" + t.prompt.version[len(t.prompt.version)-3:]}, {"task_type", t.prompt.task},
		{"latency_ms", t.ended.Sub(t.begun).Milliseconds()}, {"input_tokens", sent.input}, {"output_tokens", sent.output},
		{"estimated_cost_usd", json.Number(estimate)}, {"status", "success"}, {"output_category", "answer_with_citation"},
		{"trace_url", "https://traces.example/t/" + t.trace},
	}, book)
	return estimate
}

// followUp sends what the user made of the answer.
func (g *Generator) followUp(t ticket, estimate string) {
	after := t.ended
	if g.chance(0.3) {
		after = after.Add(g.seconds(1, 8))
		rating := pick(g, []string{"positive", "positive", "negative", "neutral"})
		g.emitTicket(t, "llm_output_rated", after, object{{"user_feedback", rating}}, event{kind: kindFeedback})
	}
	if g.chance(0.5) {
		after = after.Add(g.seconds(0.5, 6))
		g.emitTicket(t, "llm_task_completed", after, object{
			{"task_type", t.prompt.task}, {"task_completed", g.chance(0.9)},
			{"posthog_flag", "support-answer-prompt-test"}, {"posthog_flag_variant", t.prompt.variant()},
			{"estimated_cost_usd", json.Number(estimate)}, {"latency_ms", t.ended.Sub(t.begun).Milliseconds()},
			{"escalated_to_human", g.chance(0.08)}, {"retry_count", g.between(0, 2)},
			{"accepted_output", g.chance(0.8)}, {"edited_output", g.chance(0.3)},
		}, event{kind: kindOutcome})
	}
}

// ticketFault is a failure in the words of llm_request_failed.
type ticketFault struct {
	cause                      Cause
	status, kind, code, detail string
	// billed: an answer arrived and was paid for, and only then proved useless.
	billed bool
}

// ticketFault is how this ticket fails, if it does. During the incident it is the new prompt version that fails.
func (g *Generator) ticketFault(t ticket) (ticketFault, bool) {
	badPrompt := t.prompt.version == newPromptVersion && g.active(InvalidJSON, t.ended)
	switch {
	case t.model.unknown:
		return ticketFault{}, false
	case badPrompt && g.chance(0.7):
		return ticketFault{parsing("invalid_json"), "validation_failed", "JSONDecodeError", "unknown", "Expecting value: line 1 column 1 (char 0)", true}, true
	case t.model.provider == "anthropic" && g.active(RateLimited, t.ended) && g.chance(0.75):
		return ticketFault{cause: api("rate_limit"), status: "error", kind: "RateLimitError", code: "429", detail: rateLimit().text}, true
	case g.chance(0.03):
		return pick(g, ticketFaults()), true
	}
	return ticketFault{}, false
}

func ticketFaults() []ticketFault {
	return []ticketFault{
		{cause: api("timeout"), status: "timeout", kind: "APITimeoutError", code: "unknown"},
		{cause: api("rate_limit"), status: "error", kind: "RateLimitError", code: "rate_limit_exceeded"},
		{cause: ofModel("content_filter"), status: "blocked", kind: "Error", code: "unknown", billed: true},
		{cause: parsing("schema_mismatch"), status: "validation_failed", kind: "Error", code: "unknown", billed: true},
		{cause: data("collection_not_found"), status: "error", kind: "UndefinedTable", code: "42P01",
			detail: `(psycopg2.errors.UndefinedTable) relation "kb_chunks_2026" does not exist`},
		{cause: system("out_of_memory"), status: "error", kind: "MemoryError", code: "unknown"},
	}
}

func (g *Generator) failTicket(t ticket, f ticketFault) {
	more := object{
		{"latency_ms", t.ended.Sub(t.begun).Milliseconds()}, {"status", f.status}, {"error_type", f.kind}, {"error_code", f.code},
	}
	book := event{kind: kindCall, cause: f.cause, usage: &usage{cost: new(big.Rat)}}
	if f.detail != "" {
		more = more.set("error_message", f.detail)
	}
	if f.billed {
		sent := sentTokens{input: int64(g.between(300, 9000)), output: int64(g.between(40, 600))}
		book.usage = t.model.usageOf(sent)
		more = more.set("input_tokens", sent.input).set("output_tokens", sent.output)
	}
	if n, err := strconv.Atoi(f.code); err == nil && n < 600 {
		more = more.set("http_status", n)
	}
	g.emitTicket(t, "llm_request_failed", t.ended, more, book)
}
