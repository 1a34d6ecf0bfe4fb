package traffic

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Canary stands in every invented prompt, output, state and line of source code. No table, log line or metric may ever
// hold it.
const Canary = "canary-quartz-7731"

// Secret stands in the text of failures the way a leaked key does. Redaction must not let it through.
const Secret = "sk-proj-THISISNOTAKEY0000demo0000traffic0000" //nolint:gosec // it opens nothing

// corpus is invented prose, made once for each generator, from which prompts and outputs are cut.
func newCorpus(r *rand.Rand, size int) string {
	words := strings.Fields(`order parcel invoice refund seat window river copper lantern orchard harbour ticket ledger
		signal winter basket marble engine contract clause appendix widget sensor firmware naïve café Größe übung 東京 注文 ☂
		please answer the customer about a delayed delivery and cite the article that explains it before you offer anything
		return only what the schema allows with every field present summary sentiment priority next_action "quoted" it's`)
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[r.IntN(len(words))])
		switch n := r.IntN(40); {
		case n == 0:
			b.WriteString(".\n\n")
		case n < 4:
			b.WriteString(". ")
		case n < 6:
			b.WriteString(", ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// text is about n bytes of invented prose with the canary in it.
func (g *Generator) text(n int) string {
	n = max(min(n-len(Canary)-1, len(g.corpus)/2), 1)
	from := g.r.IntN(len(g.corpus) - n)
	for !utf8.RuneStart(g.corpus[from]) {
		from++
	}
	to := min(from+n, len(g.corpus))
	for to < len(g.corpus) && !utf8.RuneStart(g.corpus[to]) {
		to++
	}
	return Canary + " " + g.corpus[from:to]
}

// promptSize is a size in bytes: mostly short, some long, all below 32 KB, so that a record stays within 1 to 40 KB.
func (g *Generator) promptSize() int {
	switch n := g.r.IntN(10); {
	case n < 6:
		return g.between(400, 3000)
	case n < 9:
		return g.between(3000, 12000)
	}
	return g.between(12000, 31000)
}

// between is a number from lo to hi, both included.
func (g *Generator) between(lo, hi int) int { return lo + g.r.IntN(hi-lo+1) }

// chance is true with probability p.
func (g *Generator) chance(p float64) bool { return g.r.Float64() < p }

func pick[T any](g *Generator, from []T) T { return from[g.r.IntN(len(from))] }
