package sink

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tracetally/tracetally/schemas"
)

// costInputs is every input of the cost engine that has no column of its own, as a JSON object with short, fixed keys: what
// reprice needs to compute the cost again. Absent inputs are left out; a call without any is the empty string. The counts
// are as sent, before any convention was applied; an unusable one is null.
func costInputs(e *schemas.Event) string {
	if e.Kind != schemas.Call {
		return ""
	}
	var o object
	u := &e.Usage
	o.text("model", e.ModelRaw)
	o.text("provider", e.ProviderRaw)
	o.text("service_tier", e.ServiceTier)
	o.text("base_url_host", u.BaseURLHost)
	o.text("framework", u.Framework)
	if u.CacheExclusive.Ok {
		o.literal("cache_exclusive", strconv.FormatBool(u.CacheExclusive.V))
	}
	if u.CacheHit {
		o.literal("cache_hit", "true")
	}
	o.count("input", u.InputTokens)
	o.count("output", u.OutputTokens)
	o.count("cache_read", u.CacheReadTokens)
	o.count("cache_write", u.CacheWriteTokens)
	o.count("cache_write_5m", u.CacheWrite5mTokens)
	o.count("cache_write_1h", u.CacheWrite1hTokens)
	o.count("reasoning", u.ReasoningTokens)
	for _, x := range u.Extra {
		o.text("x_"+x.Key, x.Value)
	}
	return o.close()
}

// object writes a flat JSON object.
type object struct{ b strings.Builder }

func (o *object) literal(key, value string) {
	if o.b.Len() == 0 {
		o.b.WriteByte('{')
	} else {
		o.b.WriteByte(',')
	}
	quote(&o.b, key)
	o.b.WriteByte(':')
	o.b.WriteString(value)
}

func (o *object) text(key, value string) {
	if value == "" {
		return
	}
	var b strings.Builder
	quote(&b, value)
	o.literal(key, b.String())
}

func (o *object) count(key string, c schemas.Count) {
	switch c.State {
	case schemas.CountValid:
		o.literal(key, c.Exact.String())
	case schemas.CountInvalid:
		o.literal(key, "null")
	}
}

func (o *object) close() string {
	if o.b.Len() == 0 {
		return ""
	}
	o.b.WriteByte('}')
	return o.b.String()
}

// quote writes a JSON string that PostgreSQL's json accepts: NUL and invalid UTF-8 become U+FFFD.
func quote(b *strings.Builder, s string) {
	const hex = "0123456789abcdef"
	b.WriteByte('"')
	for _, r := range clean(s) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			b.WriteString(`\u00`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&15])
		case r == utf8.RuneError:
			b.WriteString("\uFFFD")
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
