package classify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// secrets are built from parts, so that no scanner of repositories takes them for real ones.
var secrets = map[string]string{
	"openai":       "sk-" + "proj-abcdEFGH1234ijklMNOP5678",
	"anthropic":    "sk-" + "ant-api03-AAAAbbbbCCCCdddd1111",
	"google":       "AIza" + "SyA1234567890abcdefghijklmnopqrstu",
	"aws id":       "AKIA" + "ABCDEFGHIJKLMNOP",
	"github":       "ghp" + "_abcdefghijklmnopqrstuvwxyz0123456789",
	"huggingface":  "hf" + "_abcdefghijklmnopqrstuvwxyz",
	"slack":        "xoxb" + "-123456789012-abcdefghijkl",
	"jwt":          "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc_DEF-123",
	"unknown":      "Zx9Qw8Er7Ty6Ui5Op4As3Df2",
	"masked":       "sk-" + "abc12*********xyz9",
	"card":         "4111 1111 1111 1111",
	"phone":        "+49 151 2345 6789",
	"long digits":  "123456789012",
	"e-mail":       "jane.doe+test@example.co.uk",
	"umlaut mail":  "jürgen@müller.example",
	"organization": "org" + "-AbCdEfGh12345678",

	"openai classic": "sk-" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL",
	"azure":          "0123456789abcdef" + "0123456789abcdef",
	"aws secret":     "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY",
	"aws session":    "ASIA" + "ABCDEFGHIJKLMNOP",
	"google oauth":   "ya29" + ".a0AfH6SMBx-abcdefghijk",
	"github fine":    "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
	"gitlab":         "glpat" + "-abcdefghij1234567890",
	"slack app":      "xapp" + "-1-A0123456789-1234567890-abcdef",
	"slack hook":     "https://hooks.slack.com/services/" + "T00000000/B00000000/abcdefghijklmnopqrstuvwx",
	"stripe":         "sk" + "_live_abcdefghijklmnop",
	"sendgrid":       "SG" + ".abcdefghijklmnop.qrstuvwxyz0123456789",
	"twilio":         "AC" + "0123456789abcdef0123456789abcdef",
	"npm":            "npm" + "_abcdefghijklmnopqrstuvwxyz0123456789",
	"pypi":           "pypi" + "-AgEIcHlwaS5vcmcCJGFiY2RlZg",
	"groq":           "gsk" + "_abcdefghijklmnopqrstuvwxyz",
	"xai":            "xai" + "-abcdefghijklmnopqrstuvwxyz",
	"perplexity":     "pplx" + "-abcdefghijklmnop",
	"replicate":      "r8" + "_abcdefghijklmnop",
	"posthog":        "phc" + "_abcdefghijklmnopqrstuvwxyz",
	"voyage":         "pa" + "-abcdefghijklmnopqrstuvwxyz",
	"bearer":         "Bearer " + "hunterhunter",
	"basic":          "Basic " + "aHVudGVyOmh1bnRlcg==",
	"url user":       "https://hunter:hunter2@" + "example.com/x",
	"postgres":       "postgres://svc:hunter2@" + "db:5432/x",
	"mongo":          "mongodb+srv://svc:hunter2@" + "c.example.net",
	"odbc":           "Server=db;Uid=svc;Pwd=" + "hunter2hunter;",
	"key block":      "-----" + "BEGIN PRIVATE KEY-----\nMIIBVgIBADANBg\n-----END PRIVATE KEY-----",
	"key cut":        "-----" + "BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk",
	"pgp":            "-----" + "BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
	"card dashes":    "4111-1111-1111-1111",
	"card run":       "4111111111111111",
	"amex":           "3782 822463 10005",
	"iban":           "DE89 3704 0044 0532 0130 00",
	"ssn":            "078-05-1120",
	"ipv4 card":      "4111.1111.1111.1111",
}

func TestNoSecretSurvivesRedaction(t *testing.T) {
	for name, secret := range secrets {
		for _, frame := range []string{"%", "key: %", "Incorrect API key provided: %.", `{"a":"%"}`, "'%'", "(%)", "x=%&y=1", "a,%,b", "\n%\n", "<%>"} {
			got := Redact(strings.ReplaceAll(frame, "%", secret))
			if strings.Contains(got, secret) || strings.Contains(got, secret[len(secret)/2:]) {
				t.Errorf("%s in %q: %q", name, frame, got)
			}
		}
	}
}

func TestCredentialsBehindAWordOrInAURLAreRemoved(t *testing.T) {
	const canary = "hunter2pass"
	for _, text := range []string{
		"Authorization: Bearer hunter2pass", "authorization: basic hunter2pass", "bearer hunter2pass", "api_key=hunter2pass", "x-api-key: hunter2pass",
		"password=hunter2pass", `"password": "hunter2pass"`, `'api_key': 'hunter2pass'`, `\"token\":\"hunter2pass\"`, "PGPASSWORD=hunter2pass",
		"postgres://user:hunter2pass@db:5432/x", "redis://:hunter2pass@cache:6379/0", "https://hunter2pass@example.com/x", "amqp://u:hunter2pass@h",
		"mongodb+srv://u:hunter2pass@c.example.net/?retry=true", "https://h/x?api_key=hunter2pass&y=1", "https://h/x?sig=hunter2pass",
		"secret: hunter2pass", "client_secret=hunter2pass", "Cookie: hunter2pass", "postgres://user:p@hunter2pass@db/x", "pwd=hunter2pass;",
	} {
		if got := Redact(text); strings.Contains(got, canary) {
			t.Errorf("Redact(%q) = %q", text, got)
		}
	}
}

func TestRedactionLeavesTheCauseReadable(t *testing.T) {
	for _, text := range []string{
		"This model's maximum context length is 8192 tokens, however you requested 9000 tokens",
		"Rate limit reached for gpt-4o-mini-2024-07-18 on tokens per min (TPM): Limit 30000, Used 29000",
		"connect ECONNREFUSED 127.0.0.1:11434", "Unterminated string starting at: line 1 column 100 (char 99)",
		"[Errno 13] Permission denied: '/app/data/chroma.sqlite3'", "expected 1536 dimensions, not 768",
	} {
		if got := RedactMessage(text); got != text {
			t.Errorf("RedactMessage(%q) = %q", text, got)
		}
	}
}

func TestAMessageIsShortValidAndHasNoControlCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "runes")
		text = strings.Repeat(text, rapid.IntRange(1, 60).Draw(t, "times"))
		got := RedactMessage(text)
		if len(got) > MaxMessage || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\t\x1b\u202e\u200b") {
			t.Fatalf("RedactMessage(%q) = %q", text, got)
		}
	})
}

// FuzzRedact plants a secret among any bytes: it never comes out, a second pass finds nothing more, and what is kept
// of a message is short and valid.
func FuzzRedact(f *testing.F) {
	names := slices.Sorted(maps.Keys(secrets))
	for i := range names {
		f.Add("Incorrect API key provided: ", ".", uint8(0), uint8(i))
	}
	f.Add(`{"error":{"message":"bad key `, `"}}`, uint8(1), uint8(1))
	f.Add("http://", "@host", uint8(2), uint8(2))
	f.Add("Authorization", "x", uint8(6), uint8(3))
	f.Fuzz(func(t *testing.T, before, after string, way, which uint8) {
		joint, secret := joints[int(way)%len(joints)], secrets[names[int(which)%len(names)]]
		if strings.Contains(before, secret) || strings.Contains(after, secret) {
			return
		}
		text := before + joint[:1] + secret + joint[1:] + after
		once, message := Redact(text), RedactMessage(text)
		if strings.Contains(once, secret) || strings.Contains(message, secret) {
			t.Errorf("%q survives between %q and %q: %q, %q", secret, before, after, once, message)
		}
		if twice := Redact(once); twice != once {
			t.Errorf("Redact(%q)\n once %q\ntwice %q", text, once, twice)
		}
		if again := RedactMessage(message); again != message || len(message) > MaxMessage || !utf8.ValidString(message) {
			t.Errorf("RedactMessage(%q)\n once %q\ntwice %q", text, message, again)
		}
	})
}

// joints are what stands before and behind a secret; where a letter touches it, it is another text.
var joints = []string{"  ", `""`, "''", "()", ":,", "= ", "\n\n", "[]", ">&", "  "}

// TestPlantedSecretsNeverComeOutOfAFailure puts them anywhere into an error, whatever the error says.
func TestPlantedSecretsNeverComeOutOfAFailure(t *testing.T) {
	c := newClassifier(t, Config{})
	cases := readCases(t)
	rapid.Check(t, func(rt *rapid.T) {
		in := cases[rapid.IntRange(0, len(cases)-1).Draw(rt, "case")]
		ev, s := in.event(t)
		text := &s.ErrorText
		if len(s.Exceptions) > 0 {
			text = &s.Exceptions[0].Value
		}
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(secrets))).Draw(rt, "secret")
		at := rapid.IntRange(0, len(*text)).Draw(rt, "at")
		joint := rapid.SampledFrom(joints).Draw(rt, "joint")
		*text = (*text)[:at] + joint[:1] + secrets[name] + joint[1:] + (*text)[at:]
		c.Classify(ev, s)
		if kept := fmt.Sprintf("%+v", *ev.Failure); strings.Contains(kept, secrets[name]) {
			rt.Fatalf("%s in %q: %s", name, *text, kept)
		}
	})
}

// TestRedactingTwiceChangesNothing: what is stored may be redacted again by whoever shows it.
func TestRedactingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := errorTexts().Draw(t, "text")
		once, message := Redact(text), RedactMessage(text)
		if twice := Redact(once); twice != once {
			t.Fatalf("Redact(%q)\n once %q\ntwice %q", text, once, twice)
		}
		if again := RedactMessage(message); again != message {
			t.Fatalf("RedactMessage(%q)\n once %q\ntwice %q", text, message, again)
		}
	})
}
