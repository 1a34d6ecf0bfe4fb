package enrich

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// The keys of LiteLLM's model_prices_and_context_window.json, USD per token or unit
// (https://github.com/BerriAI/litellm, litellm/litellm_core_utils/llm_cost_calc). A token key may end in
// _above_Nk_tokens, then in a service tier.
var tokenKeys = map[string]bucket{
	"input_cost_per_token":                      textIn,
	"cache_read_input_token_cost":               cacheRead,
	"cache_creation_input_token_cost":           cacheWrite5m,
	"cache_creation_input_token_cost_above_1hr": cacheWrite1h,
	"input_cost_per_audio_token":                audioIn,
	"cache_read_input_audio_token_cost":         cachedAudio,
	"input_cost_per_image_token":                imageIn,
	"cache_read_input_image_token_cost":         cachedImage,
	"output_cost_per_token":                     textOut,
	"output_cost_per_reasoning_token":           reasoning,
	"citation_cost_per_token":                   citation,
	"output_cost_per_audio_token":               audioOut,
	"output_cost_per_image_token":               imageOut,
}

// tierSuffixes are how a token key names a service tier.
var tierSuffixes = map[string]serviceTier{"_flex": flex, "_priority": priority, "_batches": batch}

// unitKeys are the keys of each unit; the first that is not 0 is the price. Several may be set for the same thing:
// whisper-1 has both sides per second, and its seconds are billed once.
var unitKeys = [numUnits][]string{
	unitRequests:     {"input_cost_per_request"},
	unitAudioSeconds: {"input_cost_per_second", "input_cost_per_audio_per_second", "output_cost_per_second"},
	unitCharacters:   {"input_cost_per_character", "output_cost_per_character"},
	unitImages:       {"output_cost_per_image", "input_cost_per_image"},
	unitPixels:       {"input_cost_per_pixel", "output_cost_per_pixel"},
	unitVideoSeconds: {"output_cost_per_video_per_second", "output_cost_per_second", "input_cost_per_video_per_second"},
	unitQueries:      {"input_cost_per_query"},
	unitPages:        {"ocr_cost_per_page"},
	unitSessions:     {"code_interpreter_cost_per_session"},
}

// multiplierKeys are factors; the first two are of the record, the entries of provider_specific_entry are Anthropic's.
var multiplierKeys = map[string]multiplier{
	"regional_processing_uplift_multiplier_eu": residencyEU,
	"regional_processing_uplift_multiplier_us": residencyUS,
	"regional_endpoint_uplift_multiplier":      regionalEndpoint,
}

var specificKeys = map[string]multiplier{"us": geoUS, "fast": speedFast}

// cacheHitKey is a second spelling of cache_read_input_token_cost that DeepSeek's records carry.
const cacheHitKey = "input_cost_per_token_cache_hit"

// liteLLM reads one record. Every key is looked at, in order of name, so that problems come in the same order always.
func (s *source) liteLLM(model string, rec map[string]any) (*rates, bool) {
	r := &rates{}
	p := &recordReader{source: s, model: model, rates: r, tokens: &r.tokens}
	r.provider, _ = rec["litellm_provider"].(string)
	r.mode, _ = rec["mode"].(string)
	r.searchPerQuery = rec["web_search_billing_unit"] == "per_query"
	for _, key := range slices.Sorted(maps.Keys(rec)) {
		p.field(key, rec[key])
	}
	p.unitFields(rec)
	if hit, ok := rec[cacheHitKey]; ok && r.tokens[cacheRead] == nil {
		p.token(cacheHitKey, cacheRead, 0, standard, hit)
	}
	r.finish(model)
	return r, p.noPrice
}

// recordReader puts the fields of one record into rates.
type recordReader struct {
	*source
	model   string
	rates   *rates
	tokens  *[numBuckets]ladder // of the record, or of one of its rows
	noPrice bool
}

func (p *recordReader) field(key string, v any) {
	switch {
	case key == "search_context_cost_per_query":
		p.search(v)
	case key == "tiered_pricing":
		p.rangeRows(v)
	case key == "provider_specific_entry":
		p.specific(v)
	case key == cacheHitKey || isUnitKey(key):
	default:
		if m, ok := multiplierKeys[key]; ok {
			p.rates.multipliers[m] = p.number(key, v)
		} else if b, over, tier, ok := parseTokenKey(key); ok {
			p.token(key, b, over, tier, v)
		} else if looksLikePrice(key) {
			p.flag(p.model, key, UnknownKey)
		}
	}
}

// parseTokenKey takes a key apart: X[_above_Nk_tokens][_flex|_priority|_batches].
func parseTokenKey(key string) (b bucket, over int64, tier serviceTier, ok bool) {
	for suffix, t := range tierSuffixes {
		if rest, cut := strings.CutSuffix(key, suffix); cut {
			key, tier = rest, t
		}
	}
	if rest, cut := strings.CutSuffix(key, "k_tokens"); cut {
		i := strings.LastIndex(rest, "_above_")
		if i < 0 {
			return 0, 0, 0, false
		}
		n, err := strconv.ParseInt(rest[i+len("_above_"):], 10, 32)
		if err != nil || n <= 0 {
			return 0, 0, 0, false
		}
		key, over = rest[:i], n*1000
	}
	b, ok = tokenKeys[key]
	return b, over, tier, ok
}

func (p *recordReader) token(key string, b bucket, over int64, tier serviceTier, v any) {
	if n := p.number(key, v); n.Ok {
		p.tokens[b] = p.tokens[b].set(over, tier, n.V)
	}
}

func (p *recordReader) search(v any) {
	sizes, ok := v.(map[string]any)
	if !ok {
		p.refuse(p.model, "search_context_cost_per_query", "is no object")
		return
	}
	for i, w := range searchWords {
		key := "search_context_size_" + w
		p.rates.search[i] = p.number(key, sizes[key])
	}
}

func (p *recordReader) specific(v any) {
	entries, _ := v.(map[string]any) // other uses of this key hold no factor
	for key, m := range specificKeys {
		p.rates.multipliers[m] = p.number("provider_specific_entry."+key, entries[key])
	}
}

// rangeRows reads prices by range of the prompt. A range ends where the next begins; the last price goes on for ever. Search
// engines are priced by the number of results instead, which no event states: such rows stay out, and so does a price.
func (p *recordReader) rangeRows(v any) {
	const key = "tiered_pricing"
	defer func(t *[numBuckets]ladder) { p.tokens = t }(p.tokens)
	list, _ := v.([]any)
	if len(list) == 0 {
		p.refuse(p.model, key, "is no list of ranges")
	}
	for _, item := range list {
		rec, _ := item.(map[string]any)
		bounds, _ := rec["range"].([]any)
		if len(bounds) != 2 {
			p.flag(p.model, key, OtherRanges)
			return
		}
		if !p.newRow(key+".range", bounds[1]) {
			return
		}
		for _, field := range slices.Sorted(maps.Keys(rec)) {
			if b, over, tier, ok := parseTokenKey(field); ok {
				p.token(key+"."+field, b, over, tier, rec[field])
			}
		}
	}
}

func (p *recordReader) unitFields(rec map[string]any) {
	for u, keys := range unitKeys {
		for _, key := range keys {
			n := p.number(key, rec[key])
			if have := p.rates.units[u]; n.Ok && (!have.Ok || have.V.Sign() == 0) {
				p.rates.units[u] = n
			}
		}
	}
}

func isUnitKey(key string) bool {
	for _, keys := range unitKeys {
		if slices.Contains(keys, key) {
			return true
		}
	}
	return false
}

// ignoredKeys hold figures that no event can name: storage, Databricks units, and the price of writing audio to a cache.
var ignoredKeys = []string{
	"input_dbu_cost_per_token", "output_dbu_cost_per_token", "cache_creation_input_audio_token_cost",
	"annotation_cost_per_page", "ocr_cost_per_credit", "output_cost_per_video_token",
}

func looksLikePrice(key string) bool {
	return (strings.Contains(key, "cost") || strings.Contains(key, "pric")) && !slices.Contains(ignoredKeys, key)
}

// number reads a price or factor. null and absent are no number; -1 is OpenRouter's mark for a router without a price of its own.
func (p *recordReader) number(key string, v any) decimalOpt {
	text, ok := numberText(v)
	if !ok {
		if v != nil {
			p.refuse(p.model, key, "is no number")
		}
		return decimalOpt{}
	}
	d, err := schemas.ParseDecimal(text)
	switch {
	case err != nil:
		p.refuse(p.model, key, "is no decimal number")
	case d.Cmp(schemas.NewDecimal(-1, 0)) == 0:
		p.noPrice = true
	case d.Sign() < 0:
		p.refuse(p.model, key, "is negative")
	default:
		return schemas.Some(d)
	}
	return decimalOpt{}
}
