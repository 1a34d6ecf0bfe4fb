package schemas

import (
	"encoding/json"
	"math/big"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// checkAcceptance puts any bytes into an event, as the value of a property, and asks encoding/json what should come of it:
// what is JSON is decoded and what is none is Malformed, in the open and as text in text. Differences on purpose are bounds
// that encoding/json lacks (depth, keys, length of a number) and what encoding/json lets through that we refuse, a key twice
// (Ambiguous; x alone cannot bring one about that decides).
func checkAcceptance(t *testing.T, x []byte) {
	inner := []byte(posthog("$ai_generation", `"x":`+string(x)))
	text := strings.ToValidUTF8(string(inner), "\uFFFD") // as encoding/json writes it into a string
	for name, c := range map[string]struct {
		value []byte
		valid bool
	}{
		"bare": {inner, json.Valid(inner)},
		"data": {captured(inner), json.Valid([]byte(text))},
		"row":  {[]byte(`{"event":"$ai_generation","team_id":1,"properties":` + jsonText(`{"x":`+string(x)+`}`) + `}`), json.Valid([]byte(`{"x":` + strings.ToValidUTF8(string(x), "\uFFFD") + `}`))},
	} {
		res := NewDecoder(DecoderConfig{}).Decode(recordOf(c.value))
		one := json.Valid(x)
		switch {
		case bounded(res.Reject):
		case res.Bug != "":
			t.Fatalf("%s: bug at %s: %q", name, res.Bug, c.value)
		case one && (res.Reject != "" || len(res.Events) != 1):
			t.Fatalf("%s: JSON is refused as %q, %d events: %q", name, res.Reject, len(res.Events), c.value)
		case !c.valid && res.Reject != Malformed && !severalLines(c.value):
			t.Fatalf("%s: what is no JSON is %q: %q", name, res.Reject, c.value)
		}
	}
}

// severalLines: each line may be JSON, though the whole is none.
func severalLines(b []byte) bool { return strings.ContainsRune(string(b), '\n') }

// checkNumber holds a count against math/big: a number is exact or, if it can be no count, marked.
func checkNumber(t *testing.T, x []byte) {
	literal := strings.TrimSpace(string(x))
	if !json.Valid(x) || !numeral.MatchString(literal) || len(literal) > MaxNumberBytes || huge(literal) {
		return
	}
	want, ok := new(big.Rat).SetString(literal)
	if !ok {
		t.Fatalf("math/big does not read %q", literal)
	}
	got := decodeProps(t, "$ai_generation", `"$ai_input_tokens":`+literal).Event.Usage.InputTokens
	fits := want.Sign() >= 0 && want.Cmp(new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 63))) < 0
	if got.State == CountAbsent || got.Known() != fits {
		t.Fatalf("%q: state %v, can be a count: %v", literal, got.State, fits)
	}
	if got.Known() && rat(got.Exact).Cmp(want) != 0 {
		t.Fatalf("%q is read as %v", literal, got.Exact)
	}
}

var numeral = regexp.MustCompile(`^-?\d`)

// huge tells whether a literal's exponent is beyond what a Decimal spells out; such a number is no count whatever it is.
func huge(literal string) bool {
	_, exponent, ok := strings.Cut(strings.ToLower(literal), "e")
	n, err := strconv.Atoi(exponent)
	return ok && (err != nil || n > 60 || n < -60)
}

// checkString holds the text of an error against what encoding/json unescapes.
func checkString(t *testing.T, x []byte) {
	var want string
	if json.Unmarshal(x, &want) != nil || strings.TrimSpace(string(x)) == "null" {
		return
	}
	for _, value := range []string{
		posthog("$ai_generation", `"$ai_is_error":true,"$ai_error":`+string(x)),
		string(captured([]byte(posthog("$ai_generation", `"$ai_is_error":true,"$ai_error":`+string(x))))),
	} {
		if got := replaced([]byte(decodeOne(t, value).Sensitive.ErrorText)); got != want {
			t.Fatalf("%q is read as %q", x, got)
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzValue puts any bytes where a value is expected, with encoding/json and math/big as oracles.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`"a\u00e9\ud83d\ude00\n"`, `"\ud800"`, `1284`, `12.50e-1`, `-0`, `1e19`, `9223372036854775807`, `[1,{"a":[]}]`, `nul`, `{"a":1,"a":2}`, `1},"y":{"z":2`,
		`"a"b"`, `1}}` + "\n" + `{"a":{"b":1`, `"\"`, "\"\xff\"", "\"\x01\"", `1e400`, `01`, `{"a":tru}`, "\"\u2028\"", `""`, `[}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, x []byte) {
		checkAcceptance(t, x)
		checkNumber(t, x)
		checkString(t, x)
	})
}
