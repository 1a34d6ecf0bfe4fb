package consumer

import (
	"fmt"
	"strings"
	"unicode"
)

// AccessError says that Kafka does not let us in or does not answer, why, and how to mend it, in one line. It is an ErrUnavailable, worth trying
// again: an operator may mend it while we wait. It never holds a secret.
type AccessError struct {
	// Where it happened: a broker's address, a topic, a group, or all brokers.
	Where string
	// Problem is what is wrong.
	Problem string
	// Mend is what to do about it.
	Mend string
	// Err is what the network, TLS or the broker said; nil if nothing was.
	Err error
}

// Error is one line.
func (e *AccessError) Error() string {
	text := fmt.Sprintf("%s: %s: %s", e.Where, e.Problem, e.Mend)
	if e.Err != nil {
		text += fmt.Sprintf(" (%v)", e.Err)
	}
	return oneLine(text)
}

// Unwrap gives what the network, TLS or the broker said.
func (e *AccessError) Unwrap() error { return e.Err }

// Is makes it an ErrUnavailable.
func (*AccessError) Is(target error) bool { return target == ErrUnavailable }

// maxLine bounds what of other people's texts, certificates' names among them, comes into a line of ours, in bytes.
const maxLine = 1000

// oneLine keeps a text that others had a part in from looking like several, or like anything but text.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	return text
}
