package main

import (
	"encoding/json"
	"time"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/schemas"
)

// explainRow is one line of explain's output. Keys are a contract: they may be added, never renamed or retyped, and each
// is always there, null where absent.
type explainRow struct {
	Record           int64           `json:"record"`
	Event            int             `json:"event"`
	Outcome          string          `json:"outcome"`
	QuarantineReason *schemas.Reason `json:"quarantine_reason"`
	Format           *schemas.Format `json:"format"`
	Wrappers         []string        `json:"wrappers"`
	Kind             *string         `json:"kind"`

	EventID    *string `json:"event_id"`
	TraceID    *string `json:"trace_id"`
	AltTraceID *string `json:"alt_trace_id"`
	SpanID     *string `json:"span_id"`
	ParentID   *string `json:"parent_id"`
	RequestID  *string `json:"request_id"`
	SessionID  *string `json:"session_id"`
	UserHash   *string `json:"user_hash"`

	Time      *string  `json:"time"`
	LatencyMS *float64 `json:"latency_ms"`
	TTFTMS    *float64 `json:"ttft_ms"`

	Environment *string `json:"environment"`
	Service     *string `json:"service"`
	Provider    *string `json:"provider"`
	Model       *string `json:"model"`
	ModelRaw    *string `json:"model_raw"`
	Operation   *string `json:"operation"`

	PromptName    *string `json:"prompt_name"`
	PromptVersion *string `json:"prompt_version"`
	PromptHash    *string `json:"prompt_hash"`
	TaskType      *string `json:"task_type"`
	Flag          *string `json:"flag"`
	Variant       *string `json:"variant"`
	AgentConfig   *string `json:"agent_config"`
	Step          *string `json:"step"`
	Tool          *string `json:"tool"`

	Status      *string `json:"status"`
	StopReason  *string `json:"stop_reason"`
	ServiceTier *string `json:"service_tier"`
	Attempt     *int64  `json:"attempt"`
	Final       *bool   `json:"final"`

	InputTokens      *int64  `json:"input_tokens"`
	OutputTokens     *int64  `json:"output_tokens"`
	CacheReadTokens  *int64  `json:"cache_read_tokens"`
	CacheWriteTokens *int64  `json:"cache_write_tokens"`
	ReasoningTokens  *int64  `json:"reasoning_tokens"`
	InputBucket      *string `json:"input_length_bucket"`
	OutputBucket     *string `json:"output_length_bucket"`
	InputHash        *string `json:"input_hash"`

	CostUSD          *string             `json:"cost_usd"`
	ReportedCostUSD  *string             `json:"reported_cost_usd"`
	EstimatedCostUSD *string             `json:"estimated_cost_usd"`
	CostStatus       *schemas.CostStatus `json:"cost_status"`
	CostReason       *schemas.CostReason `json:"cost_reason"`
	PriceKey         *string             `json:"price_key"`
	PriceVersion     *string             `json:"price_version"`

	Category    *schemas.Category `json:"category"`
	Reason      *string           `json:"reason"`
	ErrorCode   *string           `json:"error_code"`
	ErrorType   *string           `json:"error_type"`
	HTTPStatus  *int              `json:"http_status"`
	Retryable   *bool             `json:"retryable"`
	Origin      *string           `json:"origin"`
	Recovery    *string           `json:"recovery"`
	Rule        *string           `json:"rule"`
	Fingerprint *string           `json:"fingerprint"`
	Message     *string           `json:"message"`

	Measures *measuresRow `json:"measures"`
	TraceURL *string      `json:"trace_url"`
	Warnings []string     `json:"warnings"`

	*whyRow
}

// whyRow is what --why adds.
type whyRow struct {
	CostDetail *enrich.CostDetail  `json:"cost_detail"`
	Evidence   []classify.Evidence `json:"evidence"`
}

// explainRecord makes the rows of one record, at least one.
func explainRecord(n int64, res *schemas.Result, line *pipeline.Line, why bool) []explainRow {
	base := explainRow{Record: n, Outcome: "ignored", Format: orNull(res.Format), Wrappers: []string{}, Warnings: []string{}}
	base.Wrappers = append(base.Wrappers, res.Wrappers...)
	if why {
		base.whyRow = &whyRow{Evidence: []classify.Evidence{}}
	}
	if res.Reject != "" {
		base.Outcome, base.QuarantineReason, base.Format = "quarantined", &res.Reject, nil
	}
	rows := make([]explainRow, max(1, len(res.Events), res.RejectedEvents))
	for i := range rows {
		rows[i] = base
		rows[i].Event = i
	}
	for i := range res.Events {
		if d := &res.Events[i]; !d.Ignored {
			rows[i].fill(&d.Event)
			if why {
				detail := line.CostDetail(d)
				rows[i].whyRow = &whyRow{CostDetail: &detail, Evidence: append([]classify.Evidence{}, line.Why(d)...)}
			}
		}
	}
	return rows
}

func (r *explainRow) fill(e *schemas.Event) {
	r.Outcome = "counted"
	r.fillIdentity(e)
	r.fillDimensions(e)
	r.fillUsage(e)
	if e.Failure != nil {
		r.fillFailure(e)
	}
	r.Measures = newMeasuresRow(&e.Measures)
	r.TraceURL = orNull(e.TraceURL)
	r.Warnings = e.Warnings.Names()
}

func (r *explainRow) fillIdentity(e *schemas.Event) {
	r.Kind = orNull(e.Kind.String())
	r.EventID, r.TraceID, r.AltTraceID = orNull(e.ID), orNull(e.TraceID), orNull(e.AltTraceID)
	r.SpanID, r.ParentID = orNull(e.SpanID), orNull(e.ParentID)
	r.RequestID, r.SessionID, r.UserHash = orNull(e.RequestID), orNull(e.SessionID), orNull(e.UserHash)
	if !e.Time.IsZero() {
		r.Time = orNull(e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}
	r.LatencyMS, r.TTFTMS = milliseconds(e.Latency), milliseconds(e.TTFT)
}

func (r *explainRow) fillDimensions(e *schemas.Event) {
	r.Environment, r.Service = orNull(e.Environment), orNull(e.Service)
	r.Provider, r.Model, r.ModelRaw = orNull(e.Provider), orNull(e.Model), orNull(e.ModelRaw)
	r.Operation = orNull(e.Operation.String())
	r.PromptName, r.PromptVersion, r.PromptHash = orNull(e.PromptName), orNull(e.PromptVersion), orNull(e.PromptHash)
	r.TaskType, r.Flag, r.Variant, r.AgentConfig = orNull(e.TaskType), orNull(e.Flag), orNull(e.Variant), orNull(e.AgentConfig)
	r.Step, r.Tool = orNull(e.Step), orNull(e.Tool)
	r.Status, r.StopReason, r.ServiceTier = orNull(e.Status.String()), orNull(e.StopReason), orNull(e.ServiceTier)
	r.Attempt, r.Final = pointer(e.Attempt), pointer(e.Final)
}

func (r *explainRow) fillUsage(e *schemas.Event) {
	t := &e.Usage.Tokens
	r.InputTokens, r.OutputTokens = pointer(t.Input), pointer(t.Output)
	r.CacheReadTokens, r.CacheWriteTokens = pointer(t.CacheRead), pointer(t.CacheWrite)
	r.ReasoningTokens = pointer(t.Reasoning)
	r.InputBucket, r.OutputBucket, r.InputHash = orNull(e.InputBucket), orNull(e.OutputBucket), orNull(e.InputHash)
	r.CostUSD, r.ReportedCostUSD, r.EstimatedCostUSD = plain(e.CostUSD), plain(e.ReportedCostUSD), plain(e.EstimatedCostUSD)
	r.CostStatus, r.CostReason = orNull(e.CostStatus), orNull(e.CostReason)
	r.PriceKey, r.PriceVersion = orNull(e.PriceKey), orNull(e.PriceVersion)
}

func (r *explainRow) fillFailure(e *schemas.Event) {
	f := e.Failure
	r.Category, r.Reason, r.ErrorCode, r.ErrorType = orNull(f.Category), orNull(f.Reason), orNull(f.Code), orNull(f.Type)
	r.HTTPStatus = orNull(e.HTTPStatus)
	r.Retryable, r.Origin, r.Recovery = &f.Retryable, orNull(f.Origin), orNull(f.Recovery)
	r.Rule, r.Fingerprint, r.Message = orNull(f.Rule), orNull(f.Fingerprint), orNull(f.Message)
}

// measuresRow is the key "measures".
type measuresRow struct {
	TaskCompleted  *bool        `json:"task_completed"`
	Accepted       *bool        `json:"accepted"`
	Edited         *bool        `json:"edited"`
	Escalated      *bool        `json:"escalated"`
	Resolved       *bool        `json:"resolved"`
	Abandoned      *bool        `json:"abandoned"`
	Retries        *int64       `json:"retries"`
	Feedback       *int64       `json:"feedback"`
	EvalName       *string      `json:"eval_name"`
	EvalPassed     *bool        `json:"eval_passed"`
	EvalScore      *json.Number `json:"eval_score"`
	EvalReasonCode *string      `json:"eval_reason_code"`
	Satisfaction   *json.Number `json:"satisfaction"`
	RevenueUSD     *json.Number `json:"revenue_usd"`
	SecondsToSend  *json.Number `json:"seconds_to_send"`
}

// newMeasuresRow is nil when the event measures nothing.
func newMeasuresRow(m *schemas.Measures) *measuresRow {
	if *m == (schemas.Measures{}) {
		return nil
	}
	return &measuresRow{
		TaskCompleted: pointer(m.TaskCompleted), Accepted: pointer(m.Accepted), Edited: pointer(m.Edited),
		Escalated: pointer(m.Escalated), Resolved: pointer(m.Resolved), Abandoned: pointer(m.Abandoned),
		Retries: pointer(m.Retries), Feedback: pointer(m.Feedback),
		EvalName: orNull(m.EvalName), EvalPassed: pointer(m.EvalPassed), EvalScore: exact(m.EvalScore),
		EvalReasonCode: orNull(m.EvalReasonCode), Satisfaction: exact(m.Satisfaction), RevenueUSD: exact(m.RevenueUSD),
		SecondsToSend: exact(m.SecondsSend),
	}
}

// exact is a decimal as a JSON number, digit by digit.
func exact(o schemas.Opt[schemas.Decimal]) *json.Number {
	if !o.Ok {
		return nil
	}
	n := json.Number(o.V.String())
	return &n
}

// plain is an amount as a decimal string.
func plain(o schemas.Opt[schemas.USD]) *string {
	if !o.Ok {
		return nil
	}
	s := o.V.String()
	return &s
}

func milliseconds(o schemas.Opt[time.Duration]) *float64 {
	if !o.Ok {
		return nil
	}
	ms := float64(o.V.Microseconds()) / 1000
	return &ms
}

// orNull is nil for the zero value.
func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func pointer[T any](o schemas.Opt[T]) *T {
	if !o.Ok {
		return nil
	}
	return &o.V
}
