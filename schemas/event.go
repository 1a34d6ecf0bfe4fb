package schemas

import "time"

// Event is what tracetally knows of one call, span, exception, rating, outcome or evaluation. The decoder fills what the
// record states, enrich what can be computed, classify the failure. Strings are valid UTF-8, at most MaxTextBytes long
// and owned by the event.
type Event struct {
	Kind Kind
	// ID is the producer's id of the event, or one made from topic, partition, offset and index (IDMade).
	ID     string
	IDMade bool
	// Time is the END of a call, in UTC with microseconds, from the record's bytes (design: payload, UUIDv7, record).
	Time time.Time

	// TraceID and AltTraceID are normalised (NormalizeTraceID); empty when the event has no usable one.
	TraceID, AltTraceID string
	// TraceIDRaw is TraceID as the producer wrote it, for links into the producer's own tools.
	TraceIDRaw       string
	SpanID, ParentID string
	RequestID        string
	SessionID        string
	// ExceptionEventID is the id of the exception that a failed call names as its own ($exception_event_id).
	ExceptionEventID string
	// UserHash and InputHash are hex HMACs under the configured key; empty without a key or without the value.
	UserHash, InputHash string

	Environment, Service string
	// Provider and Model are normalised by enrich from ProviderRaw and ModelRaw, which are as sent.
	Provider, Model       string
	ProviderRaw, ModelRaw string
	Operation             Operation
	PromptName            string
	PromptVersion         string
	PromptHash            string
	TaskType              string
	Flag, Variant         string
	AgentConfig           string
	Step, Tool            string
	OutputCategory        string

	Status      Status
	StopReason  string
	ServiceTier string
	// Attempt is the number of this try as the event states it; Final is false for a try that was followed by another.
	Attempt Opt[int64]
	Final   Opt[bool]
	// Retries is how many further tries the event states inside itself.
	Retries int64
	// HTTPStatus is as sent, 0 when absent or sent as 0.
	HTTPStatus    int
	Latency, TTFT Opt[time.Duration]

	Usage Usage
	// InputBucket and OutputBucket are names of length buckets (Bucket); the producer's own only without tokens.
	InputBucket, OutputBucket string

	// ReportedCostUSD is the producer's own figure, EstimatedCostUSD its estimate, CostUSD ours.
	ReportedCostUSD, EstimatedCostUSD, CostUSD Opt[USD]
	CostStatus                                 CostStatus
	// CostReason says why CostUSD is absent; empty iff it is present.
	CostReason   CostReason
	PriceKey     string
	PriceVersion string

	// Failure is nil unless the call failed or the event is an exception.
	Failure  *Failure
	Measures Measures
	TraceURL string
	Warnings Warnings
}

// Usage is what the event says was used: the token counts as sent, before any convention is applied, and every other
// input of the cost engine.
type Usage struct {
	InputTokens, OutputTokens           Count
	CacheReadTokens, CacheWriteTokens   Count
	CacheWrite5mTokens                  Count
	CacheWrite1hTokens, ReasoningTokens Count
	// CacheExclusive is the explicit statement that InputTokens leaves cached tokens out.
	CacheExclusive Opt[bool]
	// BaseURLHost is the lower-case host of $ai_base_url: it decides the wire format before the provider's name does.
	BaseURLHost string
	// Framework is what stands between the application and the provider (litellm, langchain, vercel, otel).
	Framework string
	// CacheHit: the answer came from the application's own cache and cost nothing.
	CacheHit bool
	// Tokens are the counts after enrich has applied the event's convention.
	Tokens Tokens
	// Extra holds the other inputs of the cost engine by the names of cost.md §11 without "$ai_", sorted by key; values
	// are JSON literals of numbers, booleans or short identifiers. A closed set of keys: see CostInputKeys.
	Extra []CostInput
}

// CostInput is one further input of the cost engine, for example {"web_search_count", "3"}.
type CostInput struct{ Key, Value string }

// Failure is why a call failed or what an exception is: the label of the error guide.
type Failure struct {
	Category Category
	// Reason is a slug of the closed list of the classifier; it belongs to exactly one category.
	Reason string
	// Code is the HTTP status or else the provider's code, from a closed list, else "other"; empty when there is none.
	Code string
	// Type is the exception's class name as sent.
	Type      string
	Retryable bool
	// Origin is who must act: provider, account, application, network, model_output, datastore, data, model, host, tool.
	Origin   string
	Recovery string
	// Rule names the rule that decided.
	Rule string
	// Fingerprint groups failures of one cause: "v1:" and 16 hex digits.
	Fingerprint string
	// Message is redacted and at most 200 bytes.
	Message string
}

// Measures are the product outcomes, ratings and evaluation results that an event carries.
type Measures struct {
	TaskCompleted, Accepted, Edited       Opt[bool]
	Escalated, Resolved, Abandoned        Opt[bool]
	Retries                               Opt[int64]
	Feedback                              Opt[int64] // -1, 0, 1
	EvalName                              string
	EvalPassed                            Opt[bool]
	EvalScore                             Opt[Decimal] // 0 to 1
	EvalReasonCode                        string
	Satisfaction, RevenueUSD, SecondsSend Opt[Decimal]
}
