package main

import (
	"math/rand/v2"
	"strings"
)

// corpusBytes is how much prose there is to cut from: more than the 64 KiB window of lz4, so that batches compress like
// text (about 2 to 1) and not like one text repeated.
const corpusBytes = 1 << 20

// corpus is invented prose, already escaped for JSON: words of Zipf-like frequency, lines and quotations.
func corpus(r *rand.Rand) string {
	words := make([]string, 6000)
	for i := range words {
		words[i] = word(r)
	}
	zipf := rand.NewZipf(r, 1.07, 8, uint64(len(words)-1))
	var b strings.Builder
	for b.Len() < corpusBytes {
		w := words[zipf.Uint64()]
		switch n := r.IntN(100); {
		case n < 2:
			b.WriteString(`\n`)
		case n < 4:
			w = `\"` + w + `\"`
		case n < 12:
			w += ","
		case n < 18:
			w += "."
		}
		b.WriteString(w)
		b.WriteByte(' ')
	}
	return b.String()
}

func word(r *rand.Rand) string {
	syllables := []string{"al", "be", "con", "der", "en", "fir", "gan", "ho", "in", "ka", "lo", "mer", "no", "or", "pe", "ra", "ser", "ti", "un", "ver"}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(syllables[r.IntN(len(syllables))])
	}
	return b.String()
}

// prose appends n bytes of it, cut so that no escape is torn.
func (s *source) prose(n int) {
	n = min(n, len(s.corpus)/2)
	from := s.r.IntN(len(s.corpus) - n)
	for s.corpus[from] != ' ' {
		from-- // the corpus begins inside a word at worst, never inside an escape
		if from < 0 {
			from = 0
			break
		}
	}
	text := s.corpus[from : from+n]
	s.buf = append(s.buf, text[:strings.LastIndexByte(text, ' ')]...)
}
