package classify

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naive finds phrases one by one: the oracle of the matcher.
func naive(phrases []phrase, text string) []int32 {
	var found []int32
	for id, p := range phrases {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], p.text)
			if i < 0 {
				break
			}
			at += i
			end := at + len(p.text)
			left := p.openLeft || at == 0 || !wordByte(text[at-1]) || !wordByte(p.text[0])
			right := p.openRight || end == len(text) || !wordByte(text[end]) || !wordByte(p.text[len(p.text)-1])
			if left && right {
				found = append(found, int32(id))
				break
			}
		}
	}
	return found
}

func TestMatcherFindsWhatSearchingOneByOneFinds(t *testing.T) {
	word := rapid.StringMatching(`[ab _.]{1,5}`)
	rapid.Check(t, func(t *rapid.T) {
		var phrases []phrase
		for _, w := range rapid.SliceOfN(word, 1, 8).Draw(t, "phrases") {
			p := phrase{w, rapid.Bool().Draw(t, "left"), rapid.Bool().Draw(t, "right")}
			if !slices.Contains(phrases, p) {
				phrases = append(phrases, p)
			}
		}
		text := strings.Join(rapid.SliceOfN(word, 0, 12).Draw(t, "text"), "")
		var got []int32
		m, err := newMatcher(phrases)
		if err != nil {
			t.Fatal(err)
		}
		m.scan([]byte(text), func(id int32) { got = append(got, id) })
		slices.Sort(got)
		if got, want := slices.Compact(got), naive(phrases, text); !slices.Equal(got, want) {
			t.Fatalf("phrases %+v in %q: found %v, want %v", phrases, text, got, want)
		}
	})
}

func TestEveryPhraseOfTheRulesIsFoundInItself(t *testing.T) {
	m := newClassifier(t, Config{}).rules.matcher
	for want, p := range m.phrases {
		found := false
		m.scan(normalize(nil, p.text), func(id int32) { found = found || int(id) == want })
		if !found && strings.TrimSpace(p.text) == p.text { // an outer blank needs a neighbour
			t.Errorf("phrase %q does not match its own text after normalisation", p.text)
		}
	}
}
