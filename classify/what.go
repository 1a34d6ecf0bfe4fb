package classify

import (
	"slices"
	"strconv"
	"strings"
)

// what says in the rule's own words which of its conditions held: never a word of the event.
func (r *rule) what(f *facts) string {
	var parts []string
	add := func(kind, value string) { parts = append(parts, kind+" "+value) }
	for _, code := range r.Code {
		if f.codes[code] > 0 {
			add("code", code)
		}
	}
	addPhrases(add, "text", slices.Concat(r.Text, r.All), slices.Concat(r.text, r.all), f.hits[inText])
	if r.pattern != nil {
		add("pattern", r.Rule)
	}
	for i, t := range r.types {
		if t.find(f.types) > 0 {
			add("type", r.Type[i])
		}
	}
	addPhrases(add, "frame", r.Frame, r.frame, f.hits[inFrames])
	addPhrases(add, "context", r.Context, r.context, f.hits[inContext])
	for _, s := range r.Status {
		if f.statuses[s] > 0 {
			add("status", strconv.Itoa(s))
		}
	}
	for _, h := range r.Hint {
		if f.hinted(h) {
			add("hint", h)
		}
	}
	if len(r.Owner) > 0 {
		add("owner", f.owner.Name)
	}
	return strings.Join(parts, ", ")
}

func addPhrases(add func(kind, value string), kind string, texts []string, ids []int32, hits []depth) {
	for i, id := range ids {
		if hits[id] > 0 {
			add(kind, strconv.Quote(texts[i]))
		}
	}
}
