package classify

import (
	"fmt"
	"slices"
	"strings"
)

// matcher finds every phrase of the rules in one pass over a text (Aho–Corasick, Comm. ACM 18(6), 1975), so the cost of a
// text does not grow with the number of rules. The automaton is dense over classes of bytes: one table look-up a byte,
// no allocation. Why not a library: docs/decisions/0009-phrase-matcher.md.
type matcher struct {
	class [256]uint8 // of a byte; 0 is every byte that no phrase holds
	width int        // number of classes
	next  []uint16   // state×class → state; in half the memory that 32 bits would take, 9 MB
	// last is the longest phrase that ends in a state, or -1; shorter is the next state whose phrase also ends here, or 0.
	last, shorter []int32
	// twin is another phrase of the same letters with other edges, or -1.
	twin    []int32
	phrases []phrase
}

// phrase is a lower-case text to find. It starts and ends at a word's edge unless it was written with a * there.
type phrase struct {
	text                string
	openLeft, openRight bool
}

func parsePhrase(s string) phrase {
	p := phrase{openLeft: strings.HasPrefix(s, "*"), openRight: strings.HasSuffix(s, "*")}
	p.text = strings.ToLower(strings.TrimPrefix(strings.TrimSuffix(s, "*"), "*"))
	return p
}

// maxStates is what a state's number has room for; the built-in rules need 35,000.
const maxStates = 1 << 16

func newMatcher(phrases []phrase) (*matcher, error) {
	m := &matcher{width: 1, phrases: phrases, twin: make([]int32, len(phrases))}
	for _, p := range phrases {
		for i := range len(p.text) {
			if m.class[p.text[i]] == 0 {
				m.class[p.text[i]] = uint8(m.width)
				m.width++
			}
		}
	}
	n := states(phrases)
	if n > maxStates {
		return nil, fmt.Errorf("phrases of all rules together are too long: they need %d states, there are %d", n, maxStates)
	}
	m.next = make([]uint16, 0, n*m.width) // at once: growing it would leave four times as much behind for the collector
	m.last, m.shorter = make([]int32, 0, n), make([]int32, 0, n)
	m.grow()
	for id, p := range phrases {
		m.insert(int32(id), p.text)
	}
	m.link()
	return m, nil
}

// states is how many states the phrases need: the start, and one for each different beginning of a phrase.
func states(phrases []phrase) int {
	texts := make([]string, len(phrases))
	for i, p := range phrases {
		texts[i] = p.text
	}
	slices.Sort(texts)
	n, before := 1, ""
	for _, t := range texts {
		shared := 0
		for shared < min(len(t), len(before)) && t[shared] == before[shared] {
			shared++
		}
		n += len(t) - shared
		before = t
	}
	return n
}

// grow adds a state without edges.
func (m *matcher) grow() uint16 {
	state := uint16(len(m.last))
	m.next = append(m.next, make([]uint16, m.width)...)
	m.last = append(m.last, -1)
	m.shorter = append(m.shorter, 0)
	return state
}

func (m *matcher) insert(id int32, text string) {
	state := uint16(0)
	for i := range len(text) {
		at := int(state)*m.width + int(m.class[text[i]])
		if m.next[at] == 0 {
			child := m.grow()
			m.next[at] = child
		}
		state = m.next[at]
	}
	m.twin[id] = m.last[state]
	m.last[state] = id
}

// link turns the trie into an automaton: breadth first, a missing edge becomes that of the longest proper suffix.
func (m *matcher) link() {
	suffix := make([]uint16, len(m.last))
	queue := make([]uint16, 0, len(m.last))
	for _, child := range m.next[:m.width] {
		if child != 0 {
			queue = append(queue, child)
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		s := suffix[state]
		if m.shorter[state] = int32(s); m.last[s] < 0 {
			m.shorter[state] = m.shorter[s]
		}
		for c := range m.width {
			edge := &m.next[int(state)*m.width+c]
			if *edge == 0 {
				*edge = m.next[int(s)*m.width+c]
				continue
			}
			suffix[*edge] = m.next[int(s)*m.width+c]
			queue = append(queue, *edge)
		}
	}
}

// scan calls found with the id of every phrase that occurs in text, once for each place it ends.
func (m *matcher) scan(text []byte, found func(id int32)) {
	state := uint16(0)
	for i, b := range text {
		state = m.next[int(state)*m.width+int(m.class[b])]
		for s := int32(state); s != 0; s = m.shorter[s] {
			for id := m.last[s]; id >= 0; id = m.twin[id] {
				if m.atEdges(id, text, i+1) {
					found(id)
				}
			}
		}
	}
}

// atEdges tells whether phrase id, which ends before end, stands between edges of words.
func (m *matcher) atEdges(id int32, text []byte, end int) bool {
	p := &m.phrases[id]
	start := end - len(p.text)
	left := p.openLeft || start == 0 || !wordByte(text[start-1]) || !wordByte(text[start])
	right := p.openRight || end == len(text) || !wordByte(text[end]) || !wordByte(text[end-1])
	return left && right
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b >= 0x80
}
