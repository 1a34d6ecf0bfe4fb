package classify

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// errorTexts are texts made of what the expressions look for, torn at any place, between ordinary words.
func errorTexts() *rapid.Generator[string] {
	pieces := []string{
		"-----" + "BEGIN RSA PRIVATE KEY-----", "MIIB", "-----END RSA PRIVATE KEY-----", "https://user:pw@host/x", "Bearer abcdefgh12345",
		"api_key=" + "sk-1234567890", "sk-" + "proj-abcdefgh", "AIza" + "SyA0123456789abcdefghijk", "AKIA" + "0123456789ABCD", "ya29" + ".abcdefghijkl",
		"eyJ" + "hbGciOi.eyJzdWIiOiIx.abc", "a.b@example.org", "123e4567-e89b-12d3-a456-426614174000", "abcdefab-abcd-abcd-abcd-abcdefabcdef",
		"+49 (30) 123-45 67 89", "1234567", "QWxhZGRpbjpvcGVuIHNlc2FtZQ0123456789==", "ſecret=abcdefgh", "status: unavailable", "grpc_status: 14",
		"rpc error: code = deadlineexceeded", "statuscode.internal", "http 429", "503 service unavailable", "(500)", "| 404", "'name'", "“quoted”",
		"the", "model", "failed", " ", "\n", ": ", "=", "\xff", "\x00", "/usr/lib/x", "C:\\a\\b", "0x1f", "`code`", "\"text\"",
	}
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces") {
			from := rapid.IntRange(0, len(p)-1).Draw(t, "from") * rapid.IntRange(0, 1).Draw(t, "torn")
			b.WriteString(p[from:])
			b.WriteString(rapid.SampledFrom([]string{"", " "}).Draw(t, "blank"))
		}
		return b.String()
	})
}

// An expression that is passed over because it cannot match must indeed not match: else a key would stay in a message.
func TestNothingIsKeptThatAnExpressionWouldRedact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := errorTexts().Draw(t, "text")
		want := text
		for i := range redactions {
			want = redactions[i].find.ReplaceAllString(want, redactions[i].with)
		}
		want = opaque.ReplaceAllStringFunc(want, func(run string) string {
			if looksRandom(run) {
				return "<key>"
			}
			return run
		})
		if got := redactOnce(text); got != want {
			t.Fatalf("redactOnce(%q)\n got %q\nwant %q", text, got, want)
		}
	})
}

func TestEveryStatedStatusIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		norm := string(normalize(nil, errorTexts().Draw(t, "text")))
		if !holdsStatus(norm) && (statusForms.MatchString(norm) || statusNames.MatchString(norm)) {
			t.Fatalf("a status in %q is passed over", norm)
		}
		var f facts
		f.reset(0)
		f.addGRPC(norm, 1)
		for _, m := range grpcNumber.FindAllStringSubmatch(norm, 8) {
			if n, err := strconv.Atoi(m[1]); err == nil && n < len(grpcCodes) && f.codes["grpc:"+grpcCodes[n]] == 0 {
				t.Fatalf("gRPC status %d in %q is passed over", n, norm)
			}
		}
		for _, m := range grpcName.FindAllStringSubmatch(norm, 8) {
			var alone facts
			alone.reset(0)
			alone.addGRPCName(m[1], 1)
			for code := range alone.codes {
				if f.codes[code] == 0 {
					t.Fatalf("%s in %q is passed over", code, norm)
				}
			}
		}
	})
}

func TestMaskIsThatOfTheExpression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := errorTexts().Draw(t, "text")
		want := strings.Join(strings.Fields(varying.ReplaceAllString(text, "?")), " ")
		if got := mask(text); got != want {
			t.Fatalf("mask(%q)\n got %q\nwant %q", text, got, want)
		}
	})
}
