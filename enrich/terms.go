package enrich

import (
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// terms are what decides which of a model's rates apply to a call.
type terms struct {
	prompt     schemas.Decimal // whole prompt of all its requests, cache included
	requests   schemas.Decimal // how many requests the counts are the sum of
	tier       serviceTier
	atStep     bool            // xAI bills the higher tier at the threshold already
	multiplier schemas.Decimal // on every token rate
}

// exceeds compares the average prompt of a request with a threshold.
func (t *terms) exceeds(over int64) bool {
	c := t.prompt.Cmp(t.requests.Mul(schemas.NewDecimal(over, 0)))
	return c > 0 || c == 0 && t.atStep
}

// termsOf reads the terms of a call and warns of what the model has no price for.
func (r *rates) termsOf(in *inputs, q *quantities, host string, warn *schemas.Warnings) terms {
	t := terms{prompt: q.totalIn.V, requests: one, atStep: r.xai, multiplier: one}
	if in.requests.Ok && in.requests.V.Cmp(one) > 0 {
		t.requests = in.requests.V
		if r.steps {
			*warn |= schemas.WarnAggregatedUsage
		}
	}
	tier, known := parseTier(in.tier)
	if !known || (tier == flex || tier == priority) && !r.has[tier] {
		*warn |= schemas.WarnServiceTierUnpriced
	}
	if known {
		t.tier = tier
	}
	r.factors(&t, in, host, warn)
	return t
}

// factors multiplies what Anthropic charges for speed and place, OpenAI for residency, Vertex for a region.
func (r *rates) factors(t *terms, in *inputs, host string, warn *schemas.Warnings) {
	if in.speed == "fast" {
		if !r.multipliers[speedFast].Ok {
			*warn |= schemas.WarnServiceTierUnpriced
		}
		t.times(r.multipliers[speedFast])
	}
	if in.geo == "us" {
		t.times(r.multipliers[geoUS])
	}
	switch residency(in.residency, host) {
	case "eu":
		t.times(r.multipliers[residencyEU])
	case "us":
		t.times(r.multipliers[residencyUS])
	}
	if strings.HasSuffix(host, "-aiplatform.googleapis.com") {
		t.times(r.multipliers[regionalEndpoint])
	}
}

func (t *terms) times(factor decimalOpt) {
	if factor.Ok {
		t.multiplier = t.multiplier.Mul(factor.V)
	}
}

// residency is where OpenAI keeps the data: as the event says, else as its host is called.
func residency(said, host string) string {
	if said != "" {
		return said
	}
	region, _ := strings.CutSuffix(host, ".api.openai.com")
	return region
}

// parseTier reads the words of all providers; fast is Codex's word for priority, on_demand is Groq's for standard.
func parseTier(word string) (t serviceTier, known bool) {
	switch strings.ToLower(word) {
	case "", "default", "auto", "standard", "standard_only", "on_demand":
		return standard, true
	case "flex":
		return flex, true
	case "priority", "fast":
		return priority, true
	case "batch", "batches":
		return batch, true
	}
	return standard, false
}

// tier writes down by which terms a call was priced; upTo is the end of the range that it fell into, 0 without ranges.
func (b *bill) tier(t *terms, upTo int64) {
	if b.detail == nil {
		return
	}
	service, context := tierWords[t.tier], "base"
	switch {
	case upTo > 0:
		context = "up_to_" + thousands(upTo)
	case upTo < 0:
		context = "last_range"
	case b.over > 0:
		context = "above_" + thousands(b.over)
	}
	b.detail.ServiceTier, b.detail.Tier = &service, &context
}

func thousands(n int64) string { return strconv.FormatInt(n/1000, 10) + "k" }
