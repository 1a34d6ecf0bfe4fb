package enrich

import "github.com/tracetally/tracetally/schemas"

// quantities are a call's tokens in disjoint buckets.
type quantities struct {
	count         [numBuckets]schemas.Decimal
	totalIn       decimalOpt // whole prompt, cache included
	totalOut      decimalOpt // whole output, reasoning included
	exclusive     bool
	contradictory bool // inferred to include the cache, which exceeds it
}

// sum is what is there of some optional counts.
func sum(counts ...decimalOpt) schemas.Decimal {
	var s schemas.Decimal
	for _, c := range counts {
		s = s.Add(c.V)
	}
	return s
}

func anyOf(counts ...decimalOpt) bool {
	for _, c := range counts {
		if c.Ok {
			return true
		}
	}
	return false
}

// decompose puts every token into one bucket; ok is false when the counts contradict each other. A part is split off only
// if it has a rate of its own under r (nil: none has), because then alone it matters how parts overlap.
func decompose(in *inputs, c convention, r *rates) (q quantities, ok bool) {
	okIn := q.input(in, c, r) && !in.bad.in && !(in.bad.cache && q.exclusive)
	okOut := q.output(in, c, r) && !in.bad.out && !(in.bad.reasoning && c.outside)
	if !okIn {
		q.totalIn = decimalOpt{}
	}
	if !okOut {
		q.totalOut = decimalOpt{}
	}
	return q, okIn && okOut && !in.invalid
}

// tokens are the counts for the tables: the side that contradicts itself is unknown, the other is not.
func (q *quantities) tokens(in *inputs) schemas.Tokens {
	t := schemas.Tokens{Input: rounded(q.totalIn), Output: rounded(q.totalOut)}
	if t.Input.Ok {
		t.CacheRead, t.CacheWrite1h = rounded(in.read), rounded(in.write1h)
		t.CacheWrite = rounded(in.write)
		if !in.write.Ok && anyOf(in.write5m, in.write1h) {
			t.CacheWrite = rounded(schemas.Some(sum(in.write5m, in.write1h)))
		}
	}
	if t.Output.Ok {
		t.Reasoning = rounded(in.reasoning)
	}
	return t
}

func (q *quantities) input(in *inputs, c convention, r *rates) bool {
	write5m, ok := writesOf5m(in)
	if !ok {
		return false
	}
	cached := sum(in.read, in.write1h).Add(write5m)
	q.exclusive = c.exclusive
	if !c.exclusive && !c.explicit && cached.Cmp(in.in.V) > 0 {
		q.exclusive, q.contradictory = true, in.in.Ok
	}
	total := sum(in.in, in.extraIn)
	if q.exclusive {
		total = total.Add(cached)
	} else if cached.Cmp(in.in.V) > 0 {
		return false
	}
	if anyOf(in.in, in.read, in.write, in.write5m, in.write1h, in.extraIn, in.audioIn, in.imageIn) {
		q.totalIn = schemas.Some(total)
	}
	q.count[textIn], q.count[cacheRead] = total.Sub(cached), in.read.V
	q.count[cacheWrite5m], q.count[cacheWrite1h] = write5m, in.write1h.V
	return partOf(in.audioIn, total) && partOf(in.imageIn, total) &&
		partOf(in.cachedAudio, in.read.V) && partOf(in.cachedAudio, in.audioIn.V) &&
		partOf(in.cachedImage, in.read.V) && partOf(in.cachedImage, in.imageIn.V) &&
		q.modality(r, audioIn, cachedAudio, in.audioIn, in.cachedAudio) &&
		q.modality(r, imageIn, cachedImage, in.imageIn, in.cachedImage)
}

// writesOf5m is what of the cache writes is not known to be kept for an hour.
func writesOf5m(in *inputs) (schemas.Decimal, bool) {
	parts := sum(in.write5m, in.write1h)
	if !in.write.Ok {
		return in.write5m.V, true
	}
	return in.write.V.Sub(in.write1h.V), parts.Cmp(in.write.V) <= 0
}

// modality moves audio or image tokens out of text, and the cached ones out of the cached text.
func (q *quantities) modality(r *rates, plain, cached bucket, n, nCached decimalOpt) bool {
	if !r.own(plain) && !r.own(cached) {
		return true
	}
	fresh := n.V.Sub(nCached.V)
	q.move(textIn, plain, fresh)
	if r.own(cached) {
		q.move(cacheRead, cached, nCached.V)
	}
	return q.count[textIn].Sign() >= 0 && q.count[cacheRead].Sign() >= 0
}

func (q *quantities) output(in *inputs, c convention, r *rates) bool {
	total := in.out.V
	outside := c.outside && (r == nil || !perplexityWithoutRate(r))
	if outside {
		total = total.Add(in.reasoning.V)
	} else if !partOf(in.reasoning, total) {
		return false
	}
	total = total.Add(in.citation.V)
	if anyOf(in.out, in.citation, in.audioOut, in.imageOut) || outside && in.reasoning.Ok {
		q.totalOut = schemas.Some(total)
	}
	if !partOf(in.audioOut, in.out.V) || !partOf(in.imageOut, in.out.V) || !partOf(in.textOut, in.out.V) {
		return false
	}
	q.count[textOut] = total
	q.move(textOut, citation, in.citation.V)
	for _, part := range [...]struct {
		b bucket
		n decimalOpt
	}{{audioOut, in.audioOut}, {imageOut, imagesOf(in, r)}, {reasoning, in.reasoning}} {
		if r.own(part.b) {
			q.move(textOut, part.b, part.n.V)
		}
	}
	return q.count[textOut].Sign() >= 0
}

// imagesOf is the image part of the output. OpenAI's Images endpoint gives no breakdown: all it puts out is an image
// (https://github.com/BerriAI/litellm/issues/31142).
func imagesOf(in *inputs, r *rates) decimalOpt {
	if r != nil && !in.imageOut.Ok && !in.textOut.Ok && (r.mode == "image_generation" || r.mode == "image_edit") &&
		(canonical(r.provider) == openAI || canonical(r.provider) == azure) {
		return in.out
	}
	return in.imageOut
}

// perplexityWithoutRate: of Perplexity's models only those with a price for reasoning bill it beside the output.
func perplexityWithoutRate(r *rates) bool {
	return r.provider == perplexity && !r.own(reasoning)
}

func (q *quantities) move(from, to bucket, n schemas.Decimal) {
	q.count[from] = q.count[from].Sub(n)
	q.count[to] = q.count[to].Add(n)
}

// partOf: a part that is larger than its whole contradicts it.
func partOf(part decimalOpt, whole schemas.Decimal) bool { return part.V.Cmp(whole) <= 0 }

// own tells whether a bucket has a rate of its own, at any size of prompt.
func (r *rates) own(b bucket) bool {
	if r == nil {
		return false
	}
	if len(r.tokens[b]) > 0 {
		return true
	}
	for i := range r.rows {
		if len(r.rows[i].tokens[b]) > 0 {
			return true
		}
	}
	return false
}
