package schemas

import "bytes"

// InvalidInput is the value of a CostInput that was sent and cannot be used: a negative number, an object, text where a
// number belongs. It is no JSON literal, so it can be mistaken for none.
const InvalidInput = "!"

// CostInputKeys is every key that Usage.Extra may hold, sorted, besides those that begin with UsagePrefix.
func CostInputKeys() []string { return append([]string(nil), extraNames[:]...) }

// fillUsage reads the inputs of the cost engine.
func (d *Decoder) fillUsage(e *Event, p *properties) Reason {
	u := &e.Usage
	u.InputTokens, u.OutputTokens = d.count(p.get(fInputTokens)), d.count(p.get(fOutputTokens))
	u.CacheReadTokens, u.CacheWriteTokens = d.count(p.get(fCacheRead)), d.count(p.get(fCacheWrite))
	u.CacheWrite5mTokens, u.CacheWrite1hTokens = d.count(p.get(fCacheWrite5m)), d.count(p.get(fCacheWrite1h))
	u.ReasoningTokens = d.count(p.get(fReasoning))
	u.CacheExclusive = d.truth(p.get(fCacheExclusive))
	u.CacheHit = d.truth(p.get(fCacheHit)).V
	u.Framework = d.framework(e, p)
	if v := p.get(fBaseURL); v.kind == jsonString {
		text, _ := d.plain(v)
		text = text[:min(len(text), maxURLBytes)]
		if string(text) != d.lastURL { // an application has one, so the last one answers nearly every time
			d.lastURL, d.lastHost = d.names.text(text), d.host(text)
		}
		u.BaseURLHost = d.lastHost
	}
	e.EstimatedCostUSD = d.usd(p.get(fEstimatedCost))
	d.inputs = d.inputs[:0]
	d.extraInputs(p)
	e.ReportedCostUSD = d.reported(p)
	d.usageInputs(u, p)
	sortInputs(d.inputs)
	for i := 1; i < len(d.inputs); i++ {
		if d.inputs[i].Key == d.inputs[i-1].Key {
			return Ambiguous // a name twice in the raw usage object
		}
	}
	u.Extra = d.arena.list(d.inputs)
	return ""
}

// dropZeros makes counts of 0 absent: PostHog's SDK for Python sends 0 for a call that failed before anything was
// counted, its SDK for Node sends nothing, and the two must mean the same.
func (u *Usage) dropZeros() {
	for _, c := range [...]*Count{
		&u.InputTokens, &u.OutputTokens, &u.CacheReadTokens, &u.CacheWriteTokens,
		&u.CacheWrite5mTokens, &u.CacheWrite1hTokens, &u.ReasoningTokens,
	} {
		if c.State == CountValid && c.Exact.Sign() == 0 {
			*c = Count{}
		}
	}
}

// framework is what stands between application and provider; events that PostHog took in as OpenTelemetry say so elsewhere.
func (d *Decoder) framework(e *Event, p *properties) string {
	if f := p.get(fFramework); f.kind != absent {
		return d.name(f, &e.Warnings)
	}
	if w := d.word(p.get(fIngestion)); w == "otel" {
		return w
	}
	return ""
}

// maxURLBytes bounds what is looked at of a base URL.
const maxURLBytes = 1024

// host is the lower-case host of a URL, without user, port and path: a URL may hold credentials, a host does not.
func (d *Decoder) host(url []byte) string {
	if i := bytes.Index(url, []byte("://")); i >= 0 {
		url = url[i+3:]
	}
	if i := bytes.IndexAny(url, "/?#\\"); i >= 0 {
		url = url[:i]
	}
	url = url[bytes.LastIndexByte(url, '@')+1:]
	if i := bytes.LastIndexByte(url, ':'); i >= 0 && bytes.IndexByte(url, ']') < i {
		url = url[:i]
	}
	start := len(d.scratch)
	for _, c := range url {
		if !hostByte(c) {
			return "" // a text in the place of a URL
		}
		d.scratch = append(d.scratch, lower(c))
	}
	var odd Warnings // of a host that is none: it decides nothing, and the URL is not kept
	return d.names.text(d.tidy(d.scratch[start:len(d.scratch):len(d.scratch)], true, &odd))
}

func hostByte(c byte) bool {
	return c-'0' <= 9 || lower(c) >= 'a' && lower(c) <= 'z' || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']'
}

// reported is the producer's own figure: the total, else the sum of its parts if both sides are there.
func (d *Decoder) reported(p *properties) Opt[USD] {
	if total := d.usd(p.get(fTotalCost)); total.Ok {
		return total
	}
	in, out := d.usd(p.get(fInputCost)), d.usd(p.get(fOutputCost))
	if !in.Ok || !out.Ok {
		return Opt[USD]{}
	}
	sum := in.V.Add(out.V)
	for _, f := range [...]field{fRequestCost, fWebSearchCost} {
		if part := d.usd(p.get(f)); part.Ok {
			sum = sum.Add(part.V)
		}
	}
	return Some(sum)
}

// The extra inputs that are read by name.
var (
	fTotalCost     = extraField("total_cost_usd")
	fInputCost     = extraField("input_cost_usd")
	fOutputCost    = extraField("output_cost_usd")
	fRequestCost   = extraField("request_cost_usd")
	fWebSearchCost = extraField("web_search_cost_usd")
)

func extraField(name string) field {
	for i, n := range extraNames {
		if n == name {
			return fExtra + field(i)
		}
	}
	panic("no cost input is named " + name)
}

// extraInputs reads the inputs that have a property of their own, in the order of their names.
func (d *Decoder) extraInputs(p *properties) {
	if !p.any(fExtra, fLast-1) {
		return
	}
	for i, name := range extraNames {
		if v := p.get(fExtra + field(i)); v.kind != absent {
			d.inputs = append(d.inputs, CostInput{Key: name, Value: d.inputValue(v, wordy(name))})
		}
	}
}

// wordy tells which inputs are words and not numbers.
func wordy(name string) bool {
	switch name {
	case "data_residency", "image_size", "inference_geo", "search_context_size", "speed":
		return true
	}
	return false
}

// inputValue is the literal of a value that the cost engine can use, or InvalidInput.
func (d *Decoder) inputValue(v value, word bool) string {
	if word {
		text, _ := d.plain(v)
		if v.kind == jsonString && identifier(text) {
			return d.names.text(text)
		}
		return InvalidInput
	}
	n, ok := d.literal(v)
	if !ok || n[0] == '-' {
		return InvalidInput
	}
	return d.arena.text(n)
}

// identifier accepts what names a tier, a region or a size, and no prose.
func identifier(b []byte) bool { return len(b) <= 32 && wordLike(b) }

func wordLike(b []byte) bool {
	for _, c := range b {
		if !(c-'0' <= 9 || lower(c) >= 'a' && lower(c) <= 'z' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return len(b) > 0
}
