package traffic

import "math/big"

// model is a model that the applications use, with the list price of one million tokens in US dollars. The figures are
// the providers' public prices of autumn 2026; a price nobody knows is the empty string.
type model struct {
	provider, name     string
	in, out            string
	cacheIn, cacheOut  string // read from, written to the provider's cache; "": never sent
	exclusive          bool   // the provider reports input without the cached part
	reasoningOutside   bool   // the provider reports output without the reasoning part
	window             int64  // the context window, in tokens
	unknown, embedding bool
}

func chatModels() []model {
	return []model{
		{provider: "openai", name: "gpt-4.1-mini", in: "0.4", out: "1.6", cacheIn: "0.1", window: 1047576},
		{provider: "openai", name: "gpt-4o-mini", in: "0.15", out: "0.6", cacheIn: "0.075", window: 128000},
		{provider: "openai", name: "gpt-4o", in: "2.5", out: "10", cacheIn: "1.25", window: 128000},
		{provider: "azure", name: "gpt-4o", in: "2.5", out: "10", cacheIn: "1.25", window: 128000},
		{provider: "azure", name: "gpt-4.1-mini", in: "0.4", out: "1.6", cacheIn: "0.1", window: 1047576},
		{provider: "anthropic", name: "claude-sonnet-4-5", in: "3", out: "15", cacheIn: "0.3", cacheOut: "3.75", exclusive: true, window: 200000},
		{provider: "anthropic", name: "claude-haiku-4-5", in: "1", out: "5", cacheIn: "0.1", cacheOut: "1.25", exclusive: true, window: 200000},
		{provider: "gemini", name: "gemini-2.5-flash", in: "0.3", out: "2.5", cacheIn: "0.03", reasoningOutside: true, window: 1048576},
		{provider: "mistral", name: "mistral-large-latest", in: "0.5", out: "1.5", window: 262144},
		{provider: "mistral", name: "mistral-small-latest", in: "0.06", out: "0.18", window: 131072},
	}
}

// embeddingModel and unknownModel stand outside the list: the one only embeds, of the other nobody knows the price.
func embeddingModel() model {
	return model{provider: "openai", name: "text-embedding-3-small", in: "0.02", out: "0", embedding: true, window: 8191}
}

func unknownModel() model {
	return model{provider: "vllm", name: "atlas-7b-instruct", unknown: true, window: 32768}
}

// sentTokens are the counts as the provider reports them: what they mean depends on the provider.
type sentTokens struct{ input, output, cacheRead, cacheWrite, reasoning int64 }

// usageOf is what the counts mean, and what they cost: whole prompt, whole output, exact price.
func (m model) usageOf(s sentTokens) *usage {
	u := &usage{
		input: s.input, output: s.output, cacheRead: s.cacheRead, cacheWrite: s.cacheWrite, reasoning: s.reasoning,
	}
	if m.exclusive {
		u.input += s.cacheRead + s.cacheWrite
	}
	if m.reasoningOutside {
		u.output += s.reasoning
	}
	if m.unknown {
		return u
	}
	fresh := u.input - u.cacheRead - u.cacheWrite
	u.cost = new(big.Rat)
	for _, part := range []struct {
		tokens int64
		price  string
	}{{fresh, m.in}, {u.output, m.out}, {u.cacheRead, m.cacheIn}, {u.cacheWrite, m.cacheOut}} {
		if part.tokens != 0 {
			u.cost.Add(u.cost, perMillion(part.tokens, part.price))
		}
	}
	return u
}

// perMillion is tokens × price / 1,000,000, exactly.
func perMillion(tokens int64, price string) *big.Rat {
	r, ok := new(big.Rat).SetString(price)
	if !ok {
		panic("traffic: tokens without a price: " + price)
	}
	return r.Mul(r, big.NewRat(tokens, 1_000_000))
}
