package schemas

import (
	"bytes"
	"strconv"
)

// UsagePrefix begins the keys of CostInputs that were taken from the provider's raw usage object ($ai_usage), for example
// "usage.prompt_tokens_details.cached_tokens" or, in a list, "usage.promptTokensDetails.0.modality".
const UsagePrefix = "usage."

// maxUsageLeaves bounds what is taken of one usage object; the largest real one has 17.
const maxUsageLeaves = 64

// usageInputs flattens the provider's raw usage object. Its token counts matter only to an event that has none of its own
// (cost.md of the design, §4); what else it says, the tier served or the provider's own price, always does.
func (d *Decoder) usageInputs(u *Usage, p *properties) {
	v := p.get(fUsage)
	if v.kind == absent {
		return
	}
	if v.kind != jsonObject {
		if u.InputTokens.State == CountAbsent && u.OutputTokens.State == CountAbsent {
			d.inputs = append(d.inputs, CostInput{Key: UsagePrefix[:len(UsagePrefix)-1], Value: InvalidInput})
		}
		return
	}
	s := scanner{buf: v.raw, esc: v.esc}
	d.usage = append(d.usage[:0], UsagePrefix...)
	d.flatten(&s, u.InputTokens.State == CountAbsent && u.OutputTokens.State == CountAbsent)
}

// flatten reads the object at pos; d.usage holds the path to it and a dot.
func (d *Decoder) flatten(s *scanner, counts bool) {
	path := len(d.usage)
	s.open()
	for n := 0; ; {
		k, ok := s.key(&n)
		if !ok {
			return
		}
		name, _ := d.plain(k)
		d.usage = append(d.usage[:path], name...)
		d.leaf(s, counts)
	}
}

func (d *Decoder) leaf(s *scanner, counts bool) {
	path := len(d.usage)
	switch s.next() {
	case '{':
		d.usage = append(d.usage, '.')
		d.flatten(s, counts)
		return
	case '[':
		s.open()
		for n := 0; s.element(&n); {
			d.usage = strconv.AppendInt(append(d.usage[:path], '.'), int64(n-1), 10)
			d.leaf(s, counts)
		}
		return
	}
	v, _ := s.value()
	if v.kind == jsonNull || len(d.usage) > maxNameBytes+len(UsagePrefix) || !counts && !alwaysUsed(d.usage) {
		return
	}
	if len(d.inputs) < maxUsageLeaves+len(extraNames) && wordLike(d.usage) {
		d.inputs = append(d.inputs, CostInput{Key: d.names.text(d.usage), Value: d.usageValue(v)})
	}
}

// usageValue is the literal of a leaf: a number, a truth value, or where a word means something a short identifier. Any
// other text is no count and not kept.
func (d *Decoder) usageValue(v value) string {
	switch v.kind {
	case jsonTrue:
		return "true"
	case jsonFalse:
		return "false"
	}
	if n, ok := d.literal(v); ok && n[0] != '-' {
		return d.arena.text(n)
	}
	if !usageWord(d.usage) {
		return InvalidInput
	}
	return d.inputValue(v, true)
}

// usageWord tells whether a leaf is a word: a tier, a speed, a region, or what its neighbour counts tokens of.
func usageWord(path []byte) bool {
	switch string(path[bytes.LastIndexByte(path, '.')+1:]) {
	case "service_tier", "speed", "inference_geo", "search_context_size", "modality":
		return true
	}
	return false
}

// alwaysUsed are the leaves that matter even beside the event's own counts.
func alwaysUsed(path []byte) bool {
	switch string(path) {
	case "usage.cost", "usage.cost.total_cost", "usage.cost_details.upstream_inference_cost", "usage.is_byok",
		"usage.service_tier", "usage.speed", "usage.inference_geo", "usage.num_search_queries",
		"usage.server_tool_use.web_search_requests":
		return true
	}
	return false
}

// sortInputs sorts by key; a handful of elements that mostly are in order.
func sortInputs(in []CostInput) {
	for i := 1; i < len(in); i++ {
		for j := i; j > 0 && in[j].Key < in[j-1].Key; j-- {
			in[j], in[j-1] = in[j-1], in[j]
		}
	}
}
