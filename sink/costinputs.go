package sink

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tracetally/tracetally/schemas"
)

// writeCostInputs writes every input of the cost engine that has no column of its own, as a JSON object with short, fixed
// keys: what reprice needs to compute the cost again. Absent inputs are left out; what is no call has none. The counts are
// as sent, before any convention was applied; an unusable one is null.
func writeCostInputs(r *rows, e *schemas.Event) {
	if e.Kind != schemas.Call {
		r.null(pgtype.TextOID)
		return
	}
	r.head(pgtype.TextOID, 0)
	o := object{b: r.buf, start: len(r.buf)}
	u := &e.Usage
	o.text("model", e.ModelRaw)
	o.text("provider", e.ProviderRaw)
	o.text("service_tier", e.ServiceTier)
	o.text("base_url_host", u.BaseURLHost)
	o.text("framework", u.Framework)
	if u.CacheExclusive.Ok {
		o.key("cache_exclusive")
		o.b = strconv.AppendBool(o.b, u.CacheExclusive.V)
	}
	if u.CacheHit {
		o.key("cache_hit")
		o.b = append(o.b, "true"...)
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
	r.buf = o.close()
	binary.BigEndian.PutUint32(r.buf[o.start-4:], uint32(len(r.buf)-o.start)) // the length that head left open
}

// object appends a flat JSON object to b, which holds other things before start.
type object struct {
	b     []byte
	start int
}

func (o *object) key(name string) {
	o.b = append(o.b, ',') // the first one becomes the brace
	o.quote(name)
	o.b = append(o.b, ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.key(name)
		o.quote(value)
	}
}

func (o *object) count(name string, c schemas.Count) {
	if c.State == schemas.CountAbsent {
		return
	}
	o.key(name)
	n, small := c.Exact.Small()
	switch {
	case c.State == schemas.CountInvalid:
		o.b = append(o.b, "null"...)
	case small && c.Exact.Scale() == 0:
		o.b = strconv.AppendInt(o.b, n, 10)
	default:
		o.b = append(o.b, c.Exact.String()...)
	}
}

func (o *object) close() []byte {
	if len(o.b) == o.start {
		o.b = append(o.b, '{')
	}
	o.b[o.start] = '{'
	return append(o.b, '}')
}

// quote writes a JSON string that PostgreSQL's json accepts: NUL and invalid UTF-8 become U+FFFD.
func (o *object) quote(s string) {
	const hex = "0123456789abcdef"
	o.b = append(o.b, '"')
	if plain(s) {
		o.b = append(append(o.b, s...), '"')
		return
	}
	s = clean(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			o.b = append(o.b, '\\', c)
		case c < 0x20:
			o.b = append(o.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			o.b = append(o.b, c)
		}
	}
	o.b = append(o.b, '"')
}

// plain tells whether s stands in a JSON string as it is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
