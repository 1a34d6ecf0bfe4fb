package enrich

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// Entry is one model of a book with the price in force at a moment, in the project's own format (compact.go).
type Entry struct {
	Key    string
	Record Record
}

// Record is the price of a model: what compact.go reads.
type Record struct {
	Provider string `json:"provider"`
	Mode     string `json:"mode"`
	// PerMTok is USD per million tokens by BUCKET[>Nk][/TIER].
	PerMTok map[string]json.Number `json:"per_mtok,omitempty"`
	// PerUnit is USD per unit: web_search.medium, image, audio_second …
	PerUnit map[string]json.Number `json:"per_unit,omitempty"`
	// Factor multiplies token prices: residency_eu, speed_fast …
	Factor         map[string]json.Number `json:"factor,omitempty"`
	SearchPerQuery bool                   `json:"search_per_query,omitempty"`
	Ranges         []Range                `json:"ranges,omitempty"`
}

// Range is the price of prompts of up to so many tokens.
type Range struct {
	UpTo    int64                  `json:"up_to"`
	PerMTok map[string]json.Number `json:"per_mtok"`
}

// Entries lists the models that have a price at a moment, sorted by key.
func (b *Book) Entries(at time.Time) []Entry {
	var out []Entry
	for _, key := range slices.Sorted(maps.Keys(b.models)) {
		m := b.models[key]
		if p := m.at(at); p != nil && !p.noPrice {
			out = append(out, Entry{Key: m.key, Record: p.rates.record()})
		}
	}
	return out
}

func (r *rates) record() Record {
	rec := Record{
		Provider: r.provider, Mode: r.mode, SearchPerQuery: r.searchPerQuery, PerMTok: perMTok(&r.tokens),
		PerUnit: numbers(unitWords[:], r.units[:]), Factor: numbers(multiplierWords[:], r.multipliers[:]),
	}
	for i, w := range searchWords {
		if n := r.search[i]; n.Ok {
			rec.PerUnit[unitWords[unitSearches]+"."+w] = number(n.V)
		}
	}
	for i := range r.rows {
		rec.Ranges = append(rec.Ranges, Range{UpTo: r.rows[i].upTo, PerMTok: perMTok(&r.rows[i].tokens)})
	}
	return rec
}

// million turns USD per token into USD per million tokens.
var million = schemas.NewDecimal(1e6, 0)

func perMTok(tokens *[numBuckets]ladder) map[string]json.Number {
	out := map[string]json.Number{}
	for b, l := range tokens {
		for _, s := range l {
			key := bucketWords[b]
			if s.over > 0 {
				key += ">" + thousands(s.over)
			}
			for t, rate := range s.rates {
				switch {
				case !rate.Ok:
				case serviceTier(t) == standard:
					out[key] = number(rate.V.Mul(million))
				default:
					out[key+"/"+tierWords[t]] = number(rate.V.Mul(million))
				}
			}
		}
	}
	return out
}

func numbers(words []string, values []decimalOpt) map[string]json.Number {
	out := map[string]json.Number{}
	for i, n := range values {
		if n.Ok {
			out[words[i]] = number(n.V)
		}
	}
	return out
}

func number(d schemas.Decimal) json.Number { return json.Number(d.String()) }
