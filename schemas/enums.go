package schemas

// Kind is what an event is about.
type Kind uint8

// The kinds of event.
const (
	Call Kind = iota + 1
	Span
	ExceptionEvent
	Feedback
	Outcome
	Evaluation
)

// Kinds is every kind.
func Kinds() []Kind { return []Kind{Call, Span, ExceptionEvent, Feedback, Outcome, Evaluation} }

func (k Kind) String() string {
	return [...]string{"", "call", "span", "exception", "feedback", "outcome", "evaluation"}[k]
}

// Status is how a call or span ended.
type Status uint8

// The statuses. NoStatus is an event that has none (an exception, a rating).
const (
	NoStatus Status = iota
	StatusOK
	StatusError
	StatusTimeout
	StatusBlocked
	StatusValidationFailed
	StatusStarted
)

func (s Status) String() string {
	return [...]string{"", "ok", "error", "timeout", "blocked", "validation_failed", "started"}[s]
}

// Failed tells whether the status is one of a failed call.
func (s Status) Failed() bool { return s >= StatusError && s <= StatusValidationFailed }

// Operation is what was asked of the model.
type Operation uint8

// The operations. NoOperation is an event that is no call.
const (
	NoOperation Operation = iota
	OpChat
	OpCompletion
	OpEmbedding
	OpRerank
	OpImage
	OpAudio
	OpOther
)

func (o Operation) String() string {
	return [...]string{"", "chat", "completion", "embedding", "rerank", "image", "audio", "other"}[o]
}

// Format is the shape of a record on the topic.
type Format string

// The formats. FormatNone is a record whose shape was not recognised.
const (
	FormatNone              Format = ""
	FormatPostHogEvent      Format = "posthog_event"
	FormatPostHogCapture    Format = "posthog_capture"
	FormatPostHogBatch      Format = "posthog_batch"
	FormatPostHogV1Batch    Format = "posthog_v1_batch"
	FormatPostHogClickHouse Format = "posthog_clickhouse"
)

// CostStatus is how a cost came about.
type CostStatus string

// The cost statuses (design.md §5). CostNone is an event that was not priced yet.
const (
	CostNone           CostStatus = ""
	CostPassthrough    CostStatus = "passthrough"
	CostCustom         CostStatus = "custom"
	CostOverride       CostStatus = "override"
	CostBook           CostStatus = "book"
	CostCallerEstimate CostStatus = "caller_estimate"
	CostLocalCache     CostStatus = "local_cache"
	CostUnpriced       CostStatus = "unpriced"
)

// CostReason is why an event has no cost.
type CostReason string

// The reasons for no cost (cost.md §2, row 6).
const (
	NoPriceAtTime     CostReason = "no_price_at_time"
	UnknownModel      CostReason = "unknown_model"
	MissingModel      CostReason = "missing_model"
	UsageMissing      CostReason = "usage_missing"
	InvalidUsage      CostReason = "invalid_usage"
	UnpricedDimension CostReason = "unpriced_dimension"
	InvalidPrice      CostReason = "invalid_price"
	NotBillable       CostReason = "not_billable"
)

// Category is one of the five kinds of failure; which recovery applies depends on it.
type Category string

// The five categories.
const (
	APIError     Category = "api_error"
	ParsingError Category = "parsing_error"
	DataError    Category = "data_error"
	ModelError   Category = "model_error"
	SystemError  Category = "system_error"
)

// Categories is every category, in the order of the source article's table.
func Categories() []Category {
	return []Category{APIError, ParsingError, DataError, ModelError, SystemError}
}

// Warnings is a set of things that were odd about an event and did not stop it from counting.
type Warnings uint16

// The warnings, in the order of the contract.
const (
	WarnBadTime Warnings = 1 << iota
	WarnLatencyUnitGuessed
	WarnTextRepaired
	WarnTextTrimmed
	WarnCacheExceedsInput
	WarnUnknownModel
	WarnAggregatedUsage
	WarnServiceTierUnpriced
	WarnReportedCostIgnored
	WarnVendorPriceUsed
)

var warningNames = [...]string{
	"bad_time", "latency_unit_guessed", "text_repaired", "text_trimmed", "cache_exceeds_input_treated_exclusive",
	"unknown_model", "aggregated_usage_average_tier", "service_tier_unpriced", "reported_cost_ignored", "vendor_price_used",
}

// Names lists the warnings of the set, in the order of the contract; never nil.
func (w Warnings) Names() []string {
	names := []string{}
	for i, n := range warningNames {
		if w&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}
