package enrich

import (
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// inputs is what an event says for the cost engine: counts as sent, before any convention.
type inputs struct {
	in, out                    decimalOpt
	read, write                decimalOpt
	write5m, write1h           decimalOpt
	reasoning, citation        decimalOpt
	audioIn, audioOut          decimalOpt
	imageIn, imageOut, textOut decimalOpt
	cachedAudio, cachedImage   decimalOpt
	extraIn                    decimalOpt // billed input outside the input count (Gemini's tool use)
	units                      [numUnits]decimalOpt
	requests                   decimalOpt
	pixels                     decimalOpt // of one image
	imageSize                  string     // "1024-x-1024", as the price book writes it
	searchSize, residency      string
	geo, speed, tier           string
	reported                   reportedCosts
	prices                     customPrices
	raw                        rawShape
	invalid                    bool // a count that is no count
	bad                        badCounts
	badReport                  bool // a reported cost that is no amount
}

// badCounts tells which counts of tokens were no counts: what is built on them is unknown.
type badCounts struct{ in, out, cache, reasoning bool }

// refuse notes a count that is none.
func (in *inputs) refuse(to *decimalOpt) {
	in.invalid = true
	switch to {
	case &in.in:
		in.bad.in = true
	case &in.out:
		in.bad.out = true
	case &in.read, &in.write, &in.write5m, &in.write1h:
		in.bad.cache = true
	case &in.reasoning:
		in.bad.reasoning = true
	}
}

// reportedCosts are amounts that the producer or the provider states, USD.
type reportedCosts struct{ total, in, out, request, search decimalOpt }

// customPrices are prices that the event brings along, USD per token or unit.
type customPrices struct {
	in, out, read, write, write1h, request, search decimalOpt
	invalid                                        bool
}

// collect reads the inputs of an event. Normalised counts win over the raw usage object, whose counts are read only when
// both of input and output are absent (cost.md §4).
func (in *inputs) collect(ev *schemas.Event, m *match) {
	u := &ev.Usage
	in.tier = ev.ServiceTier
	for _, x := range u.Extra {
		in.extra(x.Key, x.Value)
	}
	if u.InputTokens.State != schemas.CountAbsent || u.OutputTokens.State != schemas.CountAbsent || !in.rawUsage(u.Extra) {
		in.counts(u)
	}
	if t := ev.ReportedCostUSD; t.Ok {
		in.amount(&in.reported.total, t.V)
	}
	in.providerCost(u.Extra, m.provider)
	if ev.Status.Failed() && !in.used() {
		in.forget()
	}
}

func (in *inputs) counts(u *schemas.Usage) {
	for _, c := range [...]struct {
		to *decimalOpt
		c  *schemas.Count
	}{
		{&in.in, &u.InputTokens}, {&in.out, &u.OutputTokens}, {&in.read, &u.CacheReadTokens}, {&in.write, &u.CacheWriteTokens},
		{&in.write5m, &u.CacheWrite5mTokens}, {&in.write1h, &u.CacheWrite1hTokens}, {&in.reasoning, &u.ReasoningTokens},
	} {
		switch {
		case c.c.State == schemas.CountInvalid || c.c.Known() && c.c.Exact.Sign() < 0:
			in.refuse(c.to)
		case c.c.Known():
			*c.to = schemas.Some(c.c.Exact)
		}
	}
}

// extra reads one of the further inputs by its name in cost.md §11.
func (in *inputs) extra(key, v string) {
	if to := in.countOf(key); to != nil {
		in.count(to, v)
		return
	}
	if to := in.costOf(key); to != nil {
		in.reportedAmount(to, v)
		return
	}
	if to := in.prices.of(key); to != nil {
		in.prices.set(to, v)
		return
	}
	switch key {
	case "image_size":
		in.setImageSize(v)
	case "search_context_size", "usage.search_context_size":
		in.searchSize = strings.ToLower(v)
	case "data_residency":
		in.residency = strings.ToLower(v)
	case "inference_geo", "usage.inference_geo":
		in.geo = strings.ToLower(v)
	case "speed", "usage.speed":
		in.speed = strings.ToLower(v)
	case "usage.service_tier": // the tier served, which beats the one asked for
		in.tier = v
	case "usage.num_search_queries", "usage.server_tool_use.web_search_requests":
		in.count(&in.units[unitSearches], v) // a property of the event, which comes later, wins
	}
}

// providerCost takes the provider's own amount out of its usage object. OpenRouter's is only its fee when the
// customer's own key paid the model (https://openrouter.ai/docs/use-cases/usage-accounting).
func (in *inputs) providerCost(extra []schemas.CostInput, provider string) {
	if in.reported.total.Ok || in.reported.in.Ok && in.reported.out.Ok {
		return
	}
	var cost, upstream decimalOpt
	byok := true
	for _, x := range extra {
		switch {
		case x.Key == "usage.cost" && provider == openRouter, x.Key == "usage.cost.total_cost" && provider == perplexity:
			in.reportedAmount(&cost, x.Value)
		case x.Key == "usage.cost_details.upstream_inference_cost" && provider == openRouter:
			in.reportedAmount(&upstream, x.Value)
		case x.Key == "usage.is_byok":
			byok = x.Value != "false"
		}
	}
	if cost.Ok && upstream.Ok && byok {
		cost.V = cost.V.Add(upstream.V)
	}
	in.reported.total = cost
}

func (in *inputs) countOf(key string) *decimalOpt {
	switch key {
	case "audio_input_tokens":
		return &in.audioIn
	case "audio_output_tokens":
		return &in.audioOut
	case "image_input_tokens":
		return &in.imageIn
	case "image_output_tokens":
		return &in.imageOut
	case "text_output_tokens":
		return &in.textOut
	case "cache_read_audio_tokens":
		return &in.cachedAudio
	case "cache_read_image_tokens":
		return &in.cachedImage
	case "citation_tokens":
		return &in.citation
	case "request_count":
		return &in.requests
	case "web_search_count":
		return &in.units[unitSearches]
	case "audio_seconds":
		return &in.units[unitAudioSeconds]
	case "character_count":
		return &in.units[unitCharacters]
	case "image_count":
		return &in.units[unitImages]
	case "video_seconds":
		return &in.units[unitVideoSeconds]
	case "query_count":
		return &in.units[unitQueries]
	case "page_count":
		return &in.units[unitPages]
	case "session_count":
		return &in.units[unitSessions]
	}
	return nil
}

func (in *inputs) costOf(key string) *decimalOpt {
	switch key {
	case "total_cost_usd":
		return &in.reported.total
	case "input_cost_usd":
		return &in.reported.in
	case "output_cost_usd":
		return &in.reported.out
	case "request_cost_usd":
		return &in.reported.request
	case "web_search_cost_usd":
		return &in.reported.search
	}
	return nil
}

// count reads a count; what is no count makes the whole usage invalid.
func (in *inputs) count(to *decimalOpt, v string) {
	d, err := schemas.ParseDecimal(v)
	if err != nil || d.Sign() < 0 {
		in.refuse(to)
		return
	}
	*to = schemas.Some(d)
}

func (in *inputs) reportedAmount(to *decimalOpt, v string) {
	d, err := schemas.ParseDecimal(v)
	if err != nil {
		in.badReport = true
		return
	}
	in.amount(to, d)
}

// amount keeps a reported cost; a negative one is no amount.
func (in *inputs) amount(to *decimalOpt, d schemas.Decimal) {
	if d.Sign() < 0 {
		in.badReport = true
		return
	}
	*to = schemas.Some(d)
}

// setImageSize reads "1024x1024".
func (in *inputs) setImageSize(v string) {
	w, h, ok := strings.Cut(strings.ReplaceAll(strings.ToLower(v), "-", ""), "x")
	width, err1 := schemas.ParseDecimal(w)
	height, err2 := schemas.ParseDecimal(h)
	if !ok || err1 != nil || err2 != nil || width.Sign() <= 0 || height.Sign() <= 0 {
		return
	}
	in.pixels = schemas.Some(width.Mul(height))
	in.imageSize = w + "-x-" + h
}

// known tells whether the event states any count at all.
func (in *inputs) known() bool {
	for _, c := range in.all() {
		if c.Ok {
			return true
		}
	}
	return in.anyUnit(func(decimalOpt) bool { return true })
}

// used tells whether any count is above 0, or is none.
func (in *inputs) used() bool {
	for _, c := range in.all() {
		if c.Ok && c.V.Sign() > 0 {
			return true
		}
	}
	return in.invalid || in.anyUnit(func(n decimalOpt) bool { return n.V.Sign() > 0 })
}

func (in *inputs) anyUnit(is func(decimalOpt) bool) bool {
	for _, n := range in.units {
		if n.Ok && is(n) {
			return true
		}
	}
	return false
}

func (in *inputs) all() [14]*decimalOpt {
	return [...]*decimalOpt{
		&in.in, &in.out, &in.read, &in.write, &in.write5m, &in.write1h, &in.reasoning, &in.citation, &in.audioIn,
		&in.audioOut, &in.imageIn, &in.imageOut, &in.textOut, &in.extraIn,
	}
}

// forget drops the zeros that come with an error: no answer was counted, Python's SDK writes 0 all the same (design §5).
func (in *inputs) forget() {
	for _, c := range in.all() {
		*c = decimalOpt{}
	}
	in.units = [numUnits]decimalOpt{}
}
