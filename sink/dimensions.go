package sink

import "github.com/tracetally/tracetally/schemas"

// other is the value of a dimension past its cap.
const other = "__other__"

// dims are the dimensions of a call, a row of series. The empty string is unknown.
type dims struct {
	environment, service, provider, model, operation string
	promptName, promptVersion, taskType, inputBucket string
}

func dimsOf(e *schemas.Event) dims {
	return dims{
		environment: e.Environment, service: e.Service, provider: e.Provider, model: e.Model, operation: e.Operation.String(),
		promptName: e.PromptName, promptVersion: e.PromptVersion, taskType: e.TaskType, inputBucket: e.InputBucket,
	}
}

func (d dims) clean() dims {
	for _, v := range d.open() {
		*v.value = clean(*v.value)
	}
	return d
}

// id is the series id: a function of the values, so that every worker finds it alone.
func (d dims) id() int64 {
	h := digest{}
	h.text(d.environment, d.service, d.provider, d.model, d.operation, d.promptName, d.promptVersion, d.taskType, d.inputBucket)
	return h.sum()
}

// openValue is a dimension whose values producers choose, with its name in dimension_value.
type openValue struct {
	name  string
	value *string
}

// open lists what has a cap. The operation is a closed list.
func (d *dims) open() []openValue {
	return []openValue{
		{"environment", &d.environment}, {"service", &d.service}, {"provider", &d.provider}, {"model", &d.model},
		{"prompt_name", &d.promptName}, {"prompt_version", &d.promptVersion}, {"task_type", &d.taskType},
		{"input_length_bucket", &d.inputBucket},
	}
}

// stepDimension and seriesDimension are capped too, apart from the row of a series.
const (
	stepDimension   = "step"
	seriesDimension = "series"
)

// of is the cap of a dimension by its name.
func (c Caps) of(name string) int {
	return map[string]int{
		"environment": c.Environment, "service": c.Service, "provider": c.Provider, "model": c.Model,
		"prompt_name": c.PromptName, "prompt_version": c.PromptVersion, "task_type": c.TaskType,
		"input_length_bucket": c.InputBucket, stepDimension: c.Step, seriesDimension: c.Series,
	}[name]
}

// errorDims are the dimensions of a failure or exception on top of a series, a row of error_series.
type errorDims struct {
	series                 int64
	category, reason, code string
	httpStatus             int32
	retryable              bool
	step, linked           string
}

// The words of linked. "trace" comes with the resolver.
const (
	linkedCall = "call"
	linkedNone = "none"
)

// errorDimsOf takes the step as folded by its cap. A failed call that nobody classified has reason "unknown".
func errorDimsOf(k *failureKey, series int64, step string) errorDims {
	d := errorDims{series: series, reason: "unknown", httpStatus: k.httpStatus, step: step, linked: linkedNone}
	if k.ofCall {
		d.linked = linkedCall
	}
	if k.classified {
		d.category, d.reason, d.code, d.retryable = string(k.category), clean(k.reason), clean(k.code), k.retryable
	}
	return d
}

func (d errorDims) id() int64 {
	h := digest{}
	h.int(d.series, int64(d.httpStatus))
	h.text(d.category, d.reason, d.code, d.step, d.linked)
	h.flag(d.retryable)
	return h.sum()
}
