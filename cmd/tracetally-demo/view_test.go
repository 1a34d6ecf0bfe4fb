package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/tracetally/tracetally/internal/audit"
)

var begun = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func anySample(after time.Duration) sample {
	return sample{
		at: begun.Add(after), sent: 12345, perSecond: 98.4, lagRecords: 17, lagSeconds: 0.4,
		records: audit.RecordVerdicts{Counted: 11000, Duplicate: 1200, Quarantined: 28, Ignored: 100, Scanned: 12328},
		events:  audit.EventVerdicts{New: 11500, Duplicate: 1250},
		calls:   8000, failed: 240, unpriced: 80, cost: "23.4567", recentCalls: 1000,
		recent: []share{{"api_error", 120}, {"parsing_error", 5}},
		groups: []group{{"api_error", "rate_limit", "429", 117, begun.Add(after), "5f6e7a8b9c0d1e2f3a4b5c6d7e8f9a0b"}},
	}
}

func TestPlainLinesSayTheNumbersAndNewCausesOnce(t *testing.T) {
	var out bytes.Buffer
	p := newPlain(&out, begun, 10*time.Second)
	for s := range 6 {
		p.show(anySample(time.Duration(s+1) * time.Second))
	}
	text := out.String()
	for _, want := range []string{
		"98 events/s", "lag 17 (0.4 s)", "8,000 calls, 23.4567 USD", "api_error 12.0 %, parsing_error 0.5 %",
		"12,345 sent, 12,328 read = 11,000 counted + 1,200 duplicate + 28 quarantined + 100 ignored + 0 late + 0 gap",
	} {
		if n := strings.Count(text, want); n != 3 {
			t.Errorf("%q stands %d times in six seconds, want 3:\n%s", want, n, text)
		}
	}
	if n := strings.Count(text, "new cause: api_error/rate_limit 429  trace 5f6e7a8b9c0d1e2f3a4b5c6d7e8f9a0b"); n != 1 {
		t.Errorf("the cause is announced %d times:\n%s", n, text)
	}
	if !strings.Contains(text, "    2s  incident: anthropic answers 429\n") || !strings.Contains(text, "    5s  incident: over\n") {
		t.Errorf("the incident is not announced:\n%s", text)
	}
}

func TestTheScreenFitsTheTerminal(t *testing.T) {
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 200, Height: 60}, {Width: 20, Height: 5}} {
		m, _ := aModel().Update(size)
		m, _ = m.Update(anySample(15 * time.Second))
		lines := strings.Split(m.View(), "\n")
		if len(lines) > size.Height {
			t.Errorf("%d lines on a terminal of %d", len(lines), size.Height)
		}
	}
}

func TestTheScreenShowsTheNumbers(t *testing.T) {
	m, _ := aModel().Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	m, _ = m.Update(anySample(15 * time.Second))
	for _, want := range []string{
		"98 events/s", "lag 17 records, 0.4 s", "23.4567 USD", "adds up", "api_error 12.0 %", "api_error/rate_limit 429", "5f6e7a8b9c0d1e2f3a4b5c6d7e8f9a0b",
		"incident: anthropic answers 429", "psql -h",
	} {
		if !strings.Contains(m.View(), want) {
			t.Errorf("no %q on the screen:\n%s", want, m.View())
		}
	}
}

func TestAnAccountThatDoesNotAddUpIsShown(t *testing.T) {
	s := anySample(time.Second)
	s.records.Counted--
	m, _ := aModel().Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	m, _ = m.Update(s)
	if !strings.Contains(m.View(), "DOES NOT ADD UP") {
		t.Errorf("nothing said:\n%s", m.View())
	}
}

func TestControlCAsksToStop(t *testing.T) {
	asked := 0
	m := aModel()
	m.ask = func() { asked++ }
	m.Update(tea.KeyMsg{Type: tea.KeyCtrlC})
	m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q")})
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func aModel() model {
	return model{header: []string{"PostgreSQL  psql -h 127.0.0.1"}, begun: begun, length: time.Minute,
		logs: newLogTail(new(bytes.Buffer), true), ask: func() {}}
}

func TestTheFirstRequestStopsSoonTheSecondNow(t *testing.T) {
	s := newStopper()
	defer s.cancelNow()
	s.ask()
	if s.soon.Err() == nil || s.now.Err() != nil {
		t.Error("the first request must end soon, not now")
	}
	s.ask()
	if s.now.Err() == nil {
		t.Error("the second request must end now")
	}
}

func TestLagIsReadFromAMetricsPage(t *testing.T) {
	page := `# HELP tracetally_partition_lag_records x
# TYPE tracetally_partition_lag_records gauge
tracetally_partition_lag_records{partition="0",topic="a } b"} 12
tracetally_partition_lag_records{partition="1",topic="a"} 1e+03
tracetally_event_time_lag_seconds{partition="0",topic="a"} 0.5
tracetally_event_time_lag_seconds{partition="1",topic="a"} 2.25
tracetally_start_timestamp_seconds 1.7e9
`
	records, seconds := readLag(strings.NewReader(page))
	if records != 1012 || seconds != 2.25 {
		t.Errorf("lag %v records, %v s", records, seconds)
	}
}

func TestNumbersAreWrittenWithThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestTheLogWaitsBehindTheScreen(t *testing.T) {
	var out bytes.Buffer
	l := newLogTail(&out, true)
	for _, line := range []string{"a\n", "b\n", "c\n", "d\n"} {
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() != 0 || strings.Join(l.last(), "") != "bcd" {
		t.Errorf("written %q, last %q", out.String(), l.last())
	}
	if l.release(); out.String() != "a\nb\nc\nd\n" {
		t.Errorf("released %q", out.String())
	}
}
