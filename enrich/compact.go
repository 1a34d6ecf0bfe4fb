package enrich

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// The project's own format of a price file, which internal/pricegen writes:
//
//	{"format": "tracetally-prices-1", "source": …, "licence": …, "as_of": "2026-08-01", "models": {
//	  "gpt-5.5": {"provider": "openai", "mode": "chat",
//	    "per_mtok": {"input": 5, "input>272k": 10, "input/batch": 2.5, "cache_read": 0.5, "output": 30},
//	    "per_unit": {"web_search.medium": 0.01}, "factor": {"residency_eu": 1.1},
//	    "search_per_query": true, "ranges": [{"up_to": 32000, "per_mtok": {…}}]}}}
//
// per_mtok is USD per million tokens of a bucket, above a size of prompt, at a service tier; per_unit is USD per unit.
// A model may also map to a list of dated records, as in LiteLLM's format (source.go).
const (
	compactMark   = "format"
	compactFormat = "tracetally-prices-1"
)

// perMillion turns USD per million tokens into USD per token.
var perMillion = schemas.NewDecimal(1, 6)

func (s *source) compactEntries(top []member) ([]member, error) {
	var models []member
	for _, m := range top {
		switch m.key {
		case compactMark:
			if string(m.value) != strconv.Quote(compactFormat) {
				return nil, errors.New("want the format " + compactFormat)
			}
		case "models":
			var err error
			if models, err = members(m.value); err != nil {
				return nil, err
			}
		}
	}
	if models == nil {
		return nil, errors.New("holds no models")
	}
	return models, nil
}

// compact reads one record of the project's own format; unlike in LiteLLM's, an unknown key is a mistake.
func (s *source) compact(model string, rec map[string]any) (*rates, bool) {
	r := &rates{}
	p := &recordReader{source: s, model: model, rates: r, tokens: &r.tokens}
	for _, key := range slices.Sorted(maps.Keys(rec)) {
		switch v := rec[key]; key {
		case "provider":
			r.provider, _ = v.(string)
		case "mode":
			r.mode, _ = v.(string)
		case "search_per_query":
			r.searchPerQuery, _ = v.(bool)
		case "per_mtok":
			p.compactFields(key, v, p.compactToken)
		case "per_unit":
			p.compactFields(key, v, p.compactUnit)
		case "factor":
			p.compactFields(key, v, p.compactFactor)
		case "ranges":
			p.compactRanges(v)
		default:
			s.refuse(model, key, "is no key of a price record")
		}
	}
	r.finish(model)
	return r, p.noPrice
}

func (p *recordReader) compactFields(group string, v any, put func(key string, n schemas.Decimal) bool) {
	fields, ok := v.(map[string]any)
	if !ok {
		p.refuse(p.model, group, "is no object")
		return
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if n := p.number(group+"."+key, fields[key]); n.Ok && !put(key, n.V) {
			p.refuse(p.model, group+"."+key, "is no name of a price")
		}
	}
}

// compactToken reads BUCKET[>Nk][/TIER].
func (p *recordReader) compactToken(key string, n schemas.Decimal) bool {
	word, tierWord, hasTier := strings.Cut(key, "/")
	word, size, hasSize := strings.Cut(word, ">")
	tier, over := standard, int64(0)
	if hasTier {
		i := slices.Index(tierWords[:], tierWord)
		if i <= int(standard) {
			return false
		}
		tier = serviceTier(i)
	}
	if hasSize {
		k, err := strconv.ParseInt(strings.TrimSuffix(size, "k"), 10, 32)
		if err != nil || k <= 0 || !strings.HasSuffix(size, "k") {
			return false
		}
		over = k * 1000
	}
	b := slices.Index(bucketWords[:], word)
	if b < 0 {
		return false
	}
	p.tokens[b] = p.tokens[b].set(over, tier, n.Mul(perMillion))
	return true
}

func (p *recordReader) compactUnit(key string, n schemas.Decimal) bool {
	if size, ok := strings.CutPrefix(key, unitWords[unitSearches]+"."); ok {
		i := slices.Index(searchWords[:], size)
		if i >= 0 {
			p.rates.search[i] = schemas.Some(n)
		}
		return i >= 0
	}
	u := slices.Index(unitWords[:], key)
	if u < 0 || unit(u) == unitSearches {
		return false
	}
	p.rates.units[u] = schemas.Some(n)
	return true
}

func (p *recordReader) compactFactor(key string, n schemas.Decimal) bool {
	m := slices.Index(multiplierWords[:], key)
	if m >= 0 {
		p.rates.multipliers[m] = schemas.Some(n)
	}
	return m >= 0
}

func (p *recordReader) compactRanges(v any) {
	list, _ := v.([]any)
	defer func(t *[numBuckets]ladder) { p.tokens = t }(p.tokens)
	for _, item := range list {
		rec, _ := item.(map[string]any)
		if !p.newRow("ranges.up_to", rec["up_to"]) {
			return
		}
		p.compactFields("ranges.per_mtok", rec["per_mtok"], p.compactToken)
	}
}

// newRow begins the next range, which ends at a size of prompt, and puts the tokens read from here on into it.
func (p *recordReader) newRow(key string, end any) bool {
	n := p.number(key, end)
	upTo, fits := n.V.Round()
	if rows := p.rates.rows; !n.Ok || !fits || len(rows) > 0 && upTo <= rows[len(rows)-1].upTo {
		p.refuse(p.model, key, "does not ascend")
		return false
	}
	p.rates.rows = append(p.rates.rows, row{upTo: upTo})
	p.tokens = &p.rates.rows[len(p.rates.rows)-1].tokens
	return true
}
