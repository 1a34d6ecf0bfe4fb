package enrich

import "github.com/tracetally/tracetally/schemas"

// dearPerToken is 1,000 USD per million tokens: ten times the dearest model ever sold, so a figure above it is most
// likely per thousand or per million tokens where a price per token belongs.
var dearPerToken = schemas.NewDecimal(1, 3)

// noisyDigits is how many digits a price has when a float went through it.
var noisyDigits = schemas.NewDecimal(1e14, 0)

// What a flag says, for those who act on flags.
const (
	TooDear        = "costs more than 1,000 USD per million tokens"
	FloatNoise     = "has the digits of a rounded float"
	DearerThanPart = "costs more than the tokens it is a cheaper form of"
	ShortDearer    = "costs less than a write for 5 minutes"
	NotTwice       = "is not twice the input price, as Anthropic documents it"
	WriteTooCheap  = "costs less than input"
	TierReversed   = "is on the wrong side of the standard price"
	OneSided       = "has a price on one side only"
	Missing        = "is missing"
	BothZero       = "is 0 on both sides: free, or not priced?"
	UnknownKey     = "is no price that tracetally knows"
	OtherRanges    = "is by something else than the size of the prompt"
)

// check flags figures that look wrong (cost.md §8). They stay in force: the operator may know better, and a
// price that is refused would turn into calls without a cost.
func (s *source) check(model string, r *rates) {
	for b, l := range r.tokens {
		for _, st := range l {
			for _, rate := range st.rates {
				s.checkRate(model, bucketWords[b], rate)
			}
		}
	}
	in, out := r.base(textIn), r.base(textOut)
	pairs := []struct {
		low, high decimalOpt
		key, what string
	}{
		{r.base(cacheRead), in, "cache_read", DearerThanPart},
		{r.base(cacheWrite5m), r.base(cacheWrite1h), "cache_write_1h", ShortDearer},
		{in, r.at(textIn, priority), "input/priority", TierReversed},
		{out, r.at(textOut, priority), "output/priority", TierReversed},
		{r.at(textIn, flex), in, "input/flex", TierReversed},
	}
	for _, p := range pairs {
		if p.low.Ok && p.high.Ok && p.low.V.Cmp(p.high.V) > 0 {
			s.flag(model, p.key, p.what)
		}
	}
	if w := r.base(cacheWrite1h); r.claude && w.Ok && in.Ok && w.V.Cmp(in.V.Mul(claudeWrite1h)) != 0 {
		s.flag(model, "cache_write_1h", NotTwice)
	}
	if a, c := r.base(audioIn), r.base(cachedAudio); a.Ok && c.Ok && c.V.Cmp(a.V) >= 0 {
		s.flag(model, "cached_audio", DearerThanPart)
	}
	if w := r.base(cacheWrite5m); r.claude && w.Ok && in.Ok && w.V.Cmp(in.V) < 0 {
		s.flag(model, "cache_write_5m", WriteTooCheap)
	}
	for _, t := range []serviceTier{flex, priority, batch} {
		if r.at(textIn, t).Ok != r.at(textOut, t).Ok && out.Ok && r.mode != "embedding" {
			s.flag(model, tierWords[t], OneSided)
		}
	}
	s.checkChat(model, r, in, out)
}

func (s *source) checkRate(model, key string, rate decimalOpt) {
	switch {
	case !rate.Ok:
	case rate.V.Cmp(dearPerToken) > 0:
		s.flag(model, key, TooDear)
	case unscaled(rate.V).Cmp(noisyDigits) > 0:
		s.flag(model, key, FloatNoise)
	}
}

// unscaled is the number without its decimal point.
func unscaled(d schemas.Decimal) schemas.Decimal {
	c := d.Coefficient()
	if !c.IsInt64() {
		return noisyDigits.Add(noisyDigits)
	}
	return schemas.NewDecimal(c.Int64(), 0)
}

func (s *source) checkChat(model string, r *rates, in, out decimalOpt) {
	if r.mode != "chat" && r.mode != "responses" && r.mode != "completion" || len(r.rows) > 0 {
		return
	}
	switch {
	case !in.Ok && !anyOf(r.units[:]...):
		s.flag(model, "input", Missing)
	case in.V.Sign() == 0 && out.Ok && out.V.Sign() == 0:
		s.flag(model, "input", BothZero)
	}
}

// base is the standard rate of a bucket for a short prompt.
func (r *rates) base(b bucket) decimalOpt { return r.at(b, standard) }

func (r *rates) at(b bucket, t serviceTier) decimalOpt {
	if l := r.tokens[b]; len(l) > 0 && l[0].over == 0 {
		return l[0].rates[t]
	}
	return decimalOpt{}
}
