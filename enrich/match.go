package enrich

import (
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// memoSize bounds the memo of names. A worker sees hundreds of models; names that an attacker makes up push each other out.
const memoSize = 4096

// name is everything that decides which entry of the book prices a call.
type name struct{ provider, model, host, imageSize string }

// match is what a name stands for. It is never changed once made.
type match struct {
	provider string // normalised, for dimensions and for the rules of billing
	sent     string // the provider that the event names, normalised: it tells the wire format
	model    string // normalised, for dimensions
	raw      string // in lower case, after the operator's alias
	entry    *model // nil: no such model
	alias    bool   // found through an operator's alias
	vendor   bool   // the vendor's list price stands in for the reseller's
	free     bool   // OpenRouter's :free
	wire     bool   // whoever answered speaks OpenAI's format
	claude   bool
	gemini   bool
}

// matcher finds entries of the book by the ladder of cost.md §5 and remembers what it found, misses included. It is
// pure: a memo only saves time.
type matcher struct {
	book    *Book
	aliases map[string]string
	memo    *simplelru.LRU[name, *match]
}

func newMatcher(b *Book, aliases map[string]string) (*matcher, error) {
	memo, err := simplelru.NewLRU[name, *match](memoSize, nil)
	if err != nil {
		return nil, err
	}
	m := &matcher{book: b, aliases: map[string]string{}, memo: memo}
	for from, to := range aliases {
		m.aliases[clean(from)] = clean(to)
	}
	return m, nil
}

func clean(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// find is what a name stands for.
func (m *matcher) find(n name) *match {
	if found, ok := m.memo.Get(n); ok {
		return found
	}
	n = name{strings.Clone(n.provider), strings.Clone(n.model), strings.Clone(n.host), strings.Clone(n.imageSize)}
	found := m.resolve(n)
	m.memo.Add(n, found)
	return found
}

func (m *matcher) resolve(n name) *match {
	f := &match{sent: canonical(n.provider)}
	f.provider = f.sent
	f.wire = openAIWire[f.sent]
	if p := hostProvider(n.host); p != "" {
		f.provider, f.wire = p, f.wire || openAIWire[p]
	}
	model := clean(n.model)
	if to, ok := m.aliases[model]; ok {
		model, f.alias = to, true
	}
	f.raw, f.model = model, displayModel(model)
	f.claude = strings.Contains(model, "claude") || strings.Contains(model, "anthropic")
	f.gemini = strings.Contains(model, "gemini")
	if model != "" {
		m.search(f, model, n.imageSize)
	}
	return f
}

// search goes down the ladder: the operator's word, the provider's own prices, then those of the model's vendor.
func (m *matcher) search(f *match, model, imageSize string) {
	if f.alias {
		if f.entry = m.book.lookup(model); f.entry != nil {
			return
		}
	}
	f.free = f.provider == openRouter && strings.HasSuffix(model, ":free")
	if imageSize != "" {
		for _, prefix := range []string{imageSize + "/", "standard/" + imageSize + "/"} {
			if f.entry = m.inScope(scopeOf(f.provider), []string{prefix + model}); f.entry != nil {
				return
			}
		}
	}
	names := variants(model, f.provider)
	if f.provider != "" {
		if f.entry = m.inScope(scopeOf(f.provider), names); f.entry != nil {
			return
		}
	}
	if resellers(f.provider) || !m.book.sellers[f.provider] {
		f.entry = m.ofVendor(f, model, names)
		f.vendor = f.entry != nil && f.provider != "" && m.book.sellers[f.provider]
	}
	if f.entry == nil && f.provider == openRouter && !f.free {
		if base, _, ok := strings.Cut(model, ":"); ok { // another :variant: the list price of the model itself
			m.search(f, base, "")
			f.vendor = f.entry != nil
		}
	}
}

// inScope looks names up under one provider's keys, each name under all of them before the next.
func (m *matcher) inScope(s scope, names []string) *model {
	for _, n := range names {
		for _, prefix := range s.prefixes {
			key := n
			if !strings.HasPrefix(n, prefix) {
				key = prefix + n
			}
			e := m.book.lookup(key)
			if e != nil && (prefix != "" || s.owns(e.periods[0].rates.provider)) {
				return e
			}
		}
	}
	return nil
}

// ofVendor finds the price of the model's vendor: the vendor that the name's prefix or a known kinship gives, else
// whoever has a key of just this name.
func (m *matcher) ofVendor(f *match, model string, names []string) *model {
	if head, rest, ok := strings.Cut(model, "/"); ok {
		vendor := canonical(head)
		if e := m.inScope(scopeOf(vendor), variants(rest, vendor)); e != nil {
			return e
		}
	}
	switch {
	case f.provider == azure:
		return m.inScope(scopeOf(openAI), names)
	case f.claude:
		if e := m.inScope(scopeOf(anthropic), claudeNames(names)); e != nil {
			return e
		}
	}
	if f.provider == bedrock {
		return nil
	}
	for _, n := range names {
		if e := m.book.lookup(n); e != nil {
			return e
		}
	}
	return nil
}
