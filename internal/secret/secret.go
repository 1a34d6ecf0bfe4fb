// Package secret holds what must not be shown: passwords, keys, URLs with passwords in them. A Secret can be carried in a
// configuration that is printed, logged or encoded, by intent or by accident, and comes out as "***" each time.
//
// It is no protection of memory: whoever can read the process can read the secret. Stages may import it; it imports
// nothing of ours.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what stands for every secret, whether or not it is empty.
const hidden = "***"

// Secret is a text that every usual way of printing hides. The zero value is empty. Secrets are not compared with ==;
// reflect.DeepEqual and Reveal compare what they hold.
//
// The text is behind a pointer because fmt does not ask methods of unexported fields: it prints what they hold, and for a
// pointer inside of something else that is an address.
type Secret struct{ text *string }

// New hides text.
func New(text string) Secret { return Secret{text: &text} }

// Reveal is the text itself, for the place that sends it. What is made of it must not be logged or become an error.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// String is "***".
func (Secret) String() string { return hidden }

// GoString is "***", for %#v.
func (Secret) GoString() string { return hidden }

// Format writes "***" for every verb: without it %x would be answered with the bytes of String, and %d with the struct.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText is "***", for YAML and keys of maps.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON is "***".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue is "***".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// UnmarshalText takes a setting from a flag, a variable or a file as it stands.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

var (
	_ fmt.Formatter  = Secret{}
	_ fmt.GoStringer = Secret{}
	_ slog.LogValuer = Secret{}
	_ fmt.Stringer   = Secret{}
	_ fmt.Stringer   = (*Secret)(nil)
	_ slog.LogValuer = (*Secret)(nil)
	_ fmt.Formatter  = (*Secret)(nil)
	_ fmt.GoStringer = (*Secret)(nil)
)
