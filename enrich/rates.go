package enrich

import (
	"strings"

	"github.com/tracetally/tracetally/schemas"
)

// decimalOpt is a decimal that may be absent: no rate and a rate of 0 are two different things.
type decimalOpt = schemas.Opt[schemas.Decimal]

// bucket is one kind of token. The buckets are disjoint: a token is in one of them.
type bucket uint8

const (
	textIn bucket = iota
	cacheRead
	cacheWrite5m
	cacheWrite1h
	audioIn
	cachedAudio
	imageIn
	cachedImage
	textOut
	reasoning
	citation
	audioOut
	imageOut
	numBuckets
)

// bucketWords are the names of the buckets in the compact price book and in explain.
var bucketWords = [numBuckets]string{
	"input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "cached_audio", "image_input", "cached_image",
	"output", "reasoning", "citation", "audio_output", "image_output",
}

// output tells that a bucket is on the output side.
func (b bucket) output() bool { return b >= textOut }

// serviceTier is how urgently the provider was asked to answer.
type serviceTier uint8

const (
	standard serviceTier = iota
	flex
	priority
	batch
	numTiers
)

var tierWords = [numTiers]string{"standard", "flex", "priority", "batch"}

// step is the rates of one bucket from one size of prompt on, one for each service tier that has its own.
type step struct {
	over  int64 // whole prompt, tokens; 0 is the base
	rates [numTiers]decimalOpt
}

// ladder is the rates of one bucket, ascending by size of prompt. Each bucket has its own steps.
type ladder []step

// rates is everything that a price file says of one model at one time.
type rates struct {
	provider string // as the file says it: litellm_provider
	mode     string // chat, embedding, image_generation …
	tokens   [numBuckets]ladder
	units    [numUnits]decimalOpt
	search   [3]decimalOpt // low, medium, high
	// searchPerQuery: each query is billed, where the vendor otherwise bills a prompt once.
	searchPerQuery bool
	multipliers    [numMultipliers]decimalOpt
	// rows replace tokens for models priced by ranges of the prompt; ascending.
	rows []row
	// has tells which service tiers have a rate of their own anywhere; steps, whether any size of prompt matters.
	has   [numTiers]bool
	steps bool
	// What the names of the model and its provider say about how it is billed.
	claude, gemini2, xai bool
}

// finish derives what is asked of every call.
func (r *rates) finish(key string) {
	key = strings.ToLower(key)
	r.claude = strings.Contains(key, "claude")
	r.xai = r.provider == "xai"
	r.gemini2 = strings.Contains(key, "gemini-1.") || strings.Contains(key, "gemini-2.")
	r.steps = len(r.rows) > 0
	r.note(&r.tokens)
	for i := range r.rows {
		r.note(&r.rows[i].tokens)
	}
}

func (r *rates) note(tokens *[numBuckets]ladder) {
	for _, l := range tokens {
		for _, s := range l {
			r.steps = r.steps || s.over > 0
			for t, rate := range s.rates {
				r.has[t] = r.has[t] || rate.Ok
			}
		}
	}
}

// row is the rates of prompts up to and including a size; the last row has no end.
type row struct {
	upTo   int64
	tokens [numBuckets]ladder
}

// multiplier is a factor on all token rates of a call.
type multiplier uint8

const (
	residencyEU multiplier = iota
	residencyUS
	regionalEndpoint
	geoUS
	speedFast
	numMultipliers
)

var multiplierWords = [numMultipliers]string{"residency_eu", "residency_us", "regional_endpoint", "geo_us", "speed_fast"}

// set puts a rate in its place.
func (l ladder) set(over int64, t serviceTier, rate schemas.Decimal) ladder {
	i := 0
	for i < len(l) && l[i].over < over {
		i++
	}
	if i == len(l) || l[i].over != over {
		l = append(l, step{})
		copy(l[i+1:], l[i:])
		l[i] = step{over: over}
	}
	l[i].rates[t] = schemas.Some(rate)
	return l
}

// half is the batch price where a file has no batch rate: OpenAI, Anthropic and Google publish 50 % off what applies.
var half = schemas.NewDecimal(5, 1)

// rate is the rate of the highest step that the prompt has exceeded, and the size of that step. At one step the service tier's
// rate beats the standard one; a higher step beats both, because tiers reprice the whole request (cost.md §6).
func (l ladder) rate(t *terms) (rate schemas.Decimal, over int64, ok bool) {
	for i := len(l) - 1; i >= 0; i-- {
		s := &l[i]
		if s.over > 0 && !t.exceeds(s.over) {
			continue
		}
		if own := s.rates[t.tier]; own.Ok {
			return own.V, s.over, true
		}
		if std := s.rates[standard]; std.Ok {
			if t.tier == batch {
				return std.V.Mul(half), s.over, true
			}
			return std.V, s.over, true
		}
	}
	return schemas.Decimal{}, 0, false
}
