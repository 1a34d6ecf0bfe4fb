package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// plain shows the numbers as lines, for a pipe, a log or a simple terminal.
type plain struct {
	out   io.Writer
	begun time.Time
	every time.Duration
	next  time.Time
	known map[[3]string]bool
	// length is that of the run, which decides when the incidents are; incident is what was said of them last.
	length   time.Duration
	incident string
}

func newPlain(out io.Writer, begun time.Time, length time.Duration) *plain {
	return &plain{out: out, begun: begun, length: length, every: 2 * time.Second, known: map[[3]string]bool{}}
}

// show prints a line every two seconds, and others when an incident begins or ends and for each cause of failure that is
// seen for the first time.
func (p *plain) show(s sample) {
	if now := strings.Join(activeIncidents(s.at, p.begun, p.length), ", "); now != p.incident {
		p.incident = now
		say(p.out, "%6s  incident: %s", p.clock(s.at), cmp.Or(now, "over"))
	}
	for _, g := range s.groups {
		if key := [3]string{g.Category, g.Reason, g.Code}; !p.known[key] {
			p.known[key] = true
			say(p.out, "%6s  new cause: %s  trace %s", p.clock(s.at), g.cause(), orDash(g.TraceID))
		}
	}
	if s.at.Before(p.next) {
		return
	}
	p.next = s.at.Add(p.every - 100*time.Millisecond)
	say(p.out, "%6s  %s  %s  %s  %s", p.clock(s.at), s.flow(), s.money(), s.errorRates(), s.accountingLine())
}

// note prints what happens besides the numbers.
func (p *plain) note(text string) { say(p.out, "%s", text) }

// say prints a line. A reader who has gone away stops nobody.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }

func (p *plain) close() error { return nil }

func (p *plain) clock(at time.Time) string { return at.Sub(p.begun).Truncate(time.Second).String() }

func (s sample) flow() string {
	return fmt.Sprintf("%.0f events/s, lag %s (%.1f s)", s.perSecond, count(int64(s.lagRecords)), s.lagSeconds)
}

func (s sample) money() string {
	return fmt.Sprintf("%s calls, %s USD", count(s.calls), s.cost)
}

// errorRates says how many of the calls of the last two minutes failed, by category.
func (s sample) errorRates() string {
	if len(s.recent) == 0 || s.recentCalls == 0 {
		return "no errors"
	}
	var parts []string
	for _, r := range s.recent {
		parts = append(parts, fmt.Sprintf("%s %.1f %%", r.Category, 100*float64(r.Failures)/float64(s.recentCalls)))
	}
	return strings.Join(parts, ", ")
}

// accountingLine is the promise in one line: every offset read has one verdict.
func (s sample) accountingLine() string {
	r := s.records
	return fmt.Sprintf("[%s sent, %s read = %s counted + %s duplicate + %s quarantined + %s ignored + %s late + %s gap]",
		count(s.sent), count(r.Scanned), count(r.Counted), count(r.Duplicate), count(r.Quarantined), count(r.Ignored), count(r.Late), count(r.Gap))
}

func (g group) cause() string {
	cause := g.Category + "/" + g.Reason
	if g.Code != "" {
		cause += " " + g.Code
	}
	return cause
}

// count writes a number with commas between the thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
