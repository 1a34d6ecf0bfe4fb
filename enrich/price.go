package enrich

import (
	"encoding/json"

	"github.com/tracetally/tracetally/schemas"
)

// bill adds up the priced parts of one call.
type bill struct {
	in, out, flat schemas.Decimal // by side; flat is what is billed by units
	over          int64           // the highest context step that a rate came from
	detail        *CostDetail     // nil: only the sums are wanted
}

var one = schemas.NewDecimal(1, 0)

// charge prices the tokens and units of a call; ok is false when a part that was used has no price.
func (b *bill) charge(r *rates, q *quantities, in *inputs, t *terms) (ok bool) {
	units := r.billedUnits(in, q)
	tokens, upTo := r.tokensFor(t)
	skip := r.unitsReplaceTokens(&units)
	for i := range q.count {
		n := q.count[i]
		if n.Sign() == 0 || skip && !bucket(i).output() {
			continue
		}
		rate, over, found := tokens.rate(bucket(i), t)
		if !found {
			return false
		}
		b.over = max(b.over, over)
		amount := n.Mul(rate).Mul(t.multiplier)
		if bucket(i).output() {
			b.out = b.out.Add(amount)
		} else {
			b.in = b.in.Add(amount)
		}
		b.row(bucketWords[i], n, rate, t.multiplier, amount)
	}
	b.tier(t, upTo)
	return b.chargeUnits(r, &units, in)
}

func (b *bill) chargeUnits(r *rates, units *[numUnits]decimalOpt, in *inputs) bool {
	for i, n := range units {
		if !n.Ok || n.V.Sign() == 0 {
			continue
		}
		rate := r.unitRate(unit(i), in)
		if !rate.Ok {
			return false
		}
		amount := n.V.Mul(rate.V)
		b.flat = b.flat.Add(amount)
		b.row(unitWords[i], n.V, rate.V, one, amount)
	}
	return true
}

func (b *bill) total() schemas.Decimal { return b.in.Add(b.out).Add(b.flat) }

// row notes one part, if anyone wants to know.
func (b *bill) row(word string, n, rate, multiplier, amount schemas.Decimal) {
	if b.detail == nil {
		return
	}
	b.detail.Buckets = append(b.detail.Buckets, BucketCost{
		Bucket: word, Count: json.Number(n.String()), Rate: rate.String(),
		Multiplier: multiplier.String(), Amount: amount.String(),
	})
}

// tokenRates are a model's token rates for one size of prompt, with the vendor's rule for what has none.
type tokenRates struct {
	ladders *[numBuckets]ladder
	claude  bool
}

// tokensFor picks the row of a model that is priced by ranges, and tells where it ends (0: no ranges, -1: the last row).
func (r *rates) tokensFor(t *terms) (tokenRates, int64) {
	for i := range r.rows {
		row := &r.rows[i]
		if i == len(r.rows)-1 {
			return tokenRates{&row.tokens, r.claude}, -1
		}
		if !t.exceeds(row.upTo) {
			return tokenRates{&row.tokens, r.claude}, row.upTo
		}
	}
	return tokenRates{&r.tokens, r.claude}, 0
}

// Anthropic's published multipliers of the input price
// (https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing).
var claudeRead, claudeWrite5m, claudeWrite1h = schemas.NewDecimal(1, 1), schemas.NewDecimal(125, 2), schemas.NewDecimal(2, 0)

// rate is a bucket's own rate, or else the one that its tokens cost as part of the whole they belong to (cost.md §3).
func (k tokenRates) rate(b bucket, t *terms) (schemas.Decimal, int64, bool) {
	if rate, over, ok := k.ladders[b].rate(t); ok {
		return rate, over, true
	}
	switch b {
	case cacheRead:
		return k.times(claudeRead, t)
	case cacheWrite5m:
		return k.times(claudeWrite5m, t)
	case cacheWrite1h:
		if k.claude {
			return k.times(claudeWrite1h, t)
		}
		return k.rate(cacheWrite5m, t)
	case cachedAudio, cachedImage:
		return k.rate(cacheRead, t)
	case audioIn, imageIn:
		return k.rate(textIn, t)
	case reasoning, audioOut, imageOut:
		return k.rate(textOut, t)
	}
	return schemas.Decimal{}, 0, false
}

// times is the input rate for the cache of any model, times the factor for Claude's.
func (k tokenRates) times(factor schemas.Decimal, t *terms) (schemas.Decimal, int64, bool) {
	rate, over, ok := k.rate(textIn, t)
	if ok && k.claude {
		rate = rate.Mul(factor)
	}
	return rate, over, ok
}
