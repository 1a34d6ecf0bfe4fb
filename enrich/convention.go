package enrich

import "github.com/tracetally/tracetally/schemas"

// convention is how the counts of an event are to be read (cost.md §4).
type convention struct {
	exclusive bool // the input count leaves cached tokens out
	explicit  bool // the event says so itself: a contradiction is then an error and no reason to guess again
	outside   bool // reasoning tokens come on top of the output count
}

// conventionOf decides in the order of cost.md §4: the event's own word, the shape of a raw usage object, the framework in
// between, the wire format of whoever answered, and last the vendor.
func conventionOf(u *schemas.Usage, in *inputs, m *match, recordProvider string) convention {
	c := convention{outside: reasoningOutside(u, in, m, recordProvider)}
	if u.CacheExclusive.Ok {
		c.exclusive, c.explicit = u.CacheExclusive.V, true
		return c
	}
	switch in.raw {
	case rawAnthropic, rawConverse:
		c.exclusive = true
		return c
	case rawChat, rawResponses, rawGemini, rawCohere:
		return c
	}
	c.exclusive = exclusiveByNature(u, m)
	return c
}

func exclusiveByNature(u *schemas.Usage, m *match) bool {
	switch {
	case u.Framework == "litellm" || u.Framework == "otel" || u.Framework == "opentelemetry":
		return false
	case u.Framework == "vercel" && m.provider == gateway:
		return false
	case m.wire:
		return false
	case m.sent == anthropic || m.sent == bedrock:
		return true
	}
	host := m.sent == "" || m.sent == gateway || m.sent == gemini || m.sent == vertexAI
	return host && m.claude
}

// reasoningOutside: Google, xAI and Perplexity count reasoning beside the output, everybody else inside it; so do the frameworks that
// normalise what they pass on.
func reasoningOutside(u *schemas.Usage, in *inputs, m *match, recordProvider string) bool {
	if in.raw == rawGemini {
		return true
	}
	switch u.Framework {
	case "litellm", "langchain", "vercel", "otel", "opentelemetry":
		return false
	}
	provider := m.provider
	if provider == "" {
		provider = canonical(recordProvider)
	}
	switch provider {
	case gemini, vertexAI, "vertex_ai-language-models":
		return m.gemini && m.sent != openAI // Google's endpoint for OpenAI's SDK speaks OpenAI's format
	case xAI, perplexity:
		return true
	}
	return false
}
