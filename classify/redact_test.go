package classify

import (
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

// FuzzRedact surrounds every secret with any bytes.
func FuzzRedact(f *testing.F) {
	f.Add("Incorrect API key provided: ", ".")
	f.Add(`{"error":{"message":"bad key `, `"}}`)
	f.Add("http://", "@host")
	f.Fuzz(func(t *testing.T, before, after string) {
		for name, secret := range secrets {
			if strings.Contains(before, secret) || strings.Contains(after, secret) {
				continue
			}
			for _, got := range []string{Redact(before + " " + secret + " " + after), RedactMessage(before + " " + secret + " " + after)} {
				if strings.Contains(got, secret) {
					t.Errorf("%s survives between %q and %q: %q", name, before, after, got)
				}
			}
		}
	})
}
