package schemas

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tree reads a value with the scanner into what encoding/json would make of it (numbers as literals).
func tree(d *Decoder, s *scanner) (any, bool) {
	switch s.next() {
	case '{':
		m := map[string]any{}
		s.open()
		for n := 0; ; {
			k, ok := s.key(&n)
			if !ok {
				return m, s.reason == ""
			}
			v, ok := tree(d, s)
			if !ok {
				return nil, false
			}
			name, _ := d.plain(k)
			m[replaced(name)] = v
		}
	case '[':
		a := []any{}
		s.open()
		for n := 0; s.element(&n); {
			v, ok := tree(d, s)
			if !ok {
				return nil, false
			}
			a = append(a, v)
		}
		return a, s.reason == ""
	}
	v, ok := s.value()
	if !ok {
		return nil, false
	}
	text, _ := d.plain(v)
	switch v.kind {
	case jsonNull:
		return nil, true
	case jsonFalse, jsonTrue:
		return v.kind == jsonTrue, true
	case jsonNumber:
		return json.Number(text), true
	}
	return replaced(text), true
}

// replaced is what encoding/json does to invalid UTF-8: U+FFFD for every byte of it.
func replaced(b []byte) string { return string([]rune(string(b))) }

// oracle is what encoding/json makes of a text.
func oracle(text []byte) (v any, valid bool) {
	if !json.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return v, dec.Decode(&v) == nil
}

// bounded tells whether the scanner refused for a bound that encoding/json does not have.
func bounded(r Reason) bool { return r == TooDeep || r == TooWide || r == BadNumber }

func checkAgainstOracle(t interface{ Fatalf(string, ...any) }, text []byte) {
	d := NewDecoder(DecoderConfig{})
	s := scanner{buf: text}
	got, ok := tree(d, &s)
	if bounded(s.reason) {
		return
	}
	if ok {
		s.next()
		ok = s.pos == len(text)
	}
	want, valid := oracle(text)
	if ok != valid {
		t.Fatalf("scanner says %v (%s), encoding/json %v: %q", ok, s.reason, valid, text)
	}
	if valid && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: scanner read %#v, encoding/json %#v", text, got, want)
	}
	s = scanner{buf: text}
	if v, skipped := s.value(); valid && (!skipped || strings.TrimSpace(string(v.raw)) == "" && v.kind != jsonString) {
		t.Fatalf("%q: passing over it failed: %s", text, s.reason)
	}
}

func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5e-3,-0],"b":"x\n\u00e9\ud83d\ude00\\\"\/"}`, `[]`, `{}`, ` "a" `, `01`, `1.`, `-`, `1e`, `NaN`, `-Infinity`, `{"a":1,}`,
		`{"a" 1}`, `"\ud800"`, "\"\x01\"", "\"\xff\"", `[1 2]`, `{"a":1}x`, `tru`, `nulll`, `"\u12g4"`, `{"a":1,"a":2}`, `[[[[]]]]`, `1E+2`,
		`trux`, `{"a":falsy}`, `nope`, `"\ud800\udc00"`, `"\udbff\udfff"`, `"\udc00\ud800"`, `"\ud800\udbff"`, `"\uD83D\uDE00"`, `"a b"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkAgainstOracle(t, text) })
}

// checkInText holds the walk over a still escaped text against unescaping it first. raw is the content of a JSON string.
func checkInText(t interface{ Fatalf(string, ...any) }, raw []byte) {
	outer := append(append([]byte{'"'}, raw...), '"')
	var text string
	if json.Unmarshal(outer, &text) != nil {
		return
	}
	d := NewDecoder(DecoderConfig{})
	s := scanner{buf: outer, pos: 1, esc: true}
	got, ok := tree(d, &s)
	ok = ok && s.next() == 0 && s.pos == len(outer)-1
	want, valid := oracle([]byte(text))
	switch {
	case bounded(s.reason):
	case !ok && s.odd: // left to a scan of the unescaped text; TestWrappingDoesNotChangeAnEvent holds the whole way
	case ok != valid:
		t.Fatalf("in place %v (%s), unescaped %v: %q", ok, s.reason, valid, raw)
	case valid && !reflect.DeepEqual(got, want):
		t.Fatalf("%q: in place %#v, unescaped %#v", raw, got, want)
	}
}

func FuzzTextInTextAgreesWithUnescaping(f *testing.F) {
	for _, seed := range []string{
		`{\"a\":\"b\"}`, `{\"a\":\"b\\\"c\\\\d\\n\\u00e9\\/\/\"}`, `{\"a\":\"\u00e9\ud83d\ude00\"}`, `\u007b\"a\":1}`, `{\n\"a\":1}`,
		`{\"a\":\"\n\"}`, `{\"a\":\"\\\n\"}`, `[1,2.5,true,null]`, `\"\\ud800\"`, `\"\u0022`, `\"a\\u0\u0030e9\"`, `\"\\\/\"`, `\"\u005cn\"`,
		`\" \"`, `{\"a\":\"\u0001\"}`, `{\"a\":\"\u001f\"}`, `\"\u0020\"`, `\"\\ud800\\udc00\"`, `\"\ud800\\udc00\"`, `trux`, `\"\u12\"`, `\"\\u12\"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { checkInText(t, raw) })
}

// anyJSON draws documents, with white space and all escapes that a producer may choose.
func anyJSON(depth int) *rapid.Generator[string] {
	text := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			"a", "key", `\n`, `\"`, `\\`, `\/`, `\u00e9`, `\ud83d\ude00`, `\ud800`, "é", "😀", " ", "/", "{", "]", ":", "abcdefghijklmnop", `\u0000`,
		}), 0, 6).Draw(t, "text")
		return `"` + strings.Join(parts, "") + `"`
	})
	scalar := rapid.OneOf(text, rapid.SampledFrom([]string{"null", "true", "false", "0", "-1", "12.50", "1e3", "1E-7", "9223372036854775808"}))
	if depth == 0 {
		return scalar
	}
	inner := anyJSON(depth - 1)
	return rapid.OneOf(scalar, rapid.Custom(func(t *rapid.T) string {
		space := rapid.SampledFrom([]string{"", " ", "\n", "\t "}).Draw(t, "space")
		items := rapid.SliceOfN(inner, 0, 4).Draw(t, "items")
		if rapid.Bool().Draw(t, "array") {
			return "[" + space + strings.Join(items, ","+space) + space + "]"
		}
		for i := range items {
			items[i] = text.Draw(t, "key") + space + ":" + space + items[i]
		}
		return "{" + space + strings.Join(items, space+",") + "}"
	}))
}

// quoted writes a text as the content of a JSON string, in one of the ways that encoders do.
func quoted(text string, style int) []byte {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	b = b[1 : len(b)-1]
	switch style {
	case 1: // PHP, and ClickHouse by default
		b = bytes.ReplaceAll(b, []byte("/"), []byte(`\/`))
	case 2: // Python's ensure_ascii
		b = []byte(strings.NewReplacer("é", `\u00e9`, "😀", `\ud83d\ude00`).Replace(string(b)))
	}
	return b
}

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyJSON(3).Draw(t, "json")
		checkAgainstOracle(t, []byte(text))
		if cut := rapid.IntRange(0, len(text)).Draw(t, "cut"); cut < len(text) {
			checkAgainstOracle(t, []byte(text[:cut]))
		}
		checkInText(t, quoted(text, rapid.IntRange(0, 2).Draw(t, "style")))
	})
}

func TestStopFindsTheFirstSpecialByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte{'"', '\\', 0, 31, 32, 0x7f, 0x80, 0xff, 0xa2, 0xdc}), rapid.Byte()), 0, 40).Draw(t, "b")
		from := rapid.IntRange(0, len(b)).Draw(t, "from")
		want := from
		for want < len(b) && b[want] != '"' && b[want] != '\\' && b[want] >= ' ' {
			want++
		}
		if got := stop(b, from); got != want {
			t.Fatalf("stop(%q, %d) = %d, want %d", b, from, got, want)
		}
	})
}
