package traffic

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// poison is a record that nobody can use, with the reason that the bad-input matrix gives it.
func (g *Generator) poison(at time.Time) draft {
	c := g.newCall(chatApps()[0], chatModels()[0], at)
	c.promptBytes = 600
	e := g.generation(c)
	p := pick(g, poisons())
	value := p.make(g, e)
	return draft{
		topic: TopicEvents, key: []byte(c.user), value: value, happened: at, due: at, entry: entry{reject: p.reason},
	}
}

type poison struct {
	reason string
	// make spoils an event that would have been fine.
	make func(*Generator, sdkEvent) []byte
}

func poisons() []poison {
	plain := func(e sdkEvent) []byte { return compact.encode(e.body(node)) }
	with := func(e sdkEvent, key string, value any) []byte {
		e.props = e.props.set(key, value)
		return plain(e)
	}
	return []poison{
		{"malformed", func(g *Generator, _ sdkEvent) []byte { return []byte("ERROR:app: " + g.text(200)) }},
		{"malformed", func(g *Generator, e sdkEvent) []byte { b := plain(e); return b[:len(b)*2/3] }},
		{"malformed", func(*Generator, sdkEvent) []byte { return []byte{} }},
		{"malformed", func(_ *Generator, e sdkEvent) []byte { return with(e, "$ai_latency", json.Number("NaN")) }},
		{"malformed", func(_ *Generator, e sdkEvent) []byte { return append(plain(e), "}}"...) }},
		{"malformed", func(g *Generator, e sdkEvent) []byte { return badInBatch(g, e) }},
		{"too_deep", func(_ *Generator, e sdkEvent) []byte {
			return with(e, "$ai_tools", json.RawMessage(strings.Repeat("[", 100)+strings.Repeat("]", 100)))
		}},
		{"too_wide", func(_ *Generator, e sdkEvent) []byte { return with(e, "$context_tags", wide(2500)) }},
		{"bad_number", func(_ *Generator, e sdkEvent) []byte {
			return with(e, "$ai_input_tokens", json.Number(strings.Repeat("9", 60)))
		}},
		{"ambiguous", func(_ *Generator, e sdkEvent) []byte {
			return bytes.Replace(plain(e), []byte(`"$ai_model":`), []byte(`"$ai_model":"gpt-4o","$ai_model":`), 1)
		}},
		{"clock_skew", func(_ *Generator, e sdkEvent) []byte { e.at = e.at.Add(72 * time.Hour); return plain(e) }},
		{"unknown_format", func(g *Generator, _ sdkEvent) []byte {
			return compact.encode(object{{"level", "info"}, {"msg", g.text(300)}})
		}},
	}
}

// badInBatch is a batch whose last event is an exception without any exception in it: the whole record is unusable.
func badInBatch(g *Generator, e sdkEvent) []byte {
	x := g.exception(chatApps()[0], broken()[0], model{}, g.user(), "", e.at)
	x.props = x.props.set("$exception_list", []any{})
	return compact.encode(object{
		{"api_key", "phc_demo_chat"}, {"batch", []any{e.body(node), x.body(node)}}, {"sent_at", node.timestamp(e.at)},
	})
}

func wide(n int) object {
	o := make(object, n)
	for i := range o {
		o[i] = field{"tag_" + strconv.Itoa(i), i}
	}
	return o
}
