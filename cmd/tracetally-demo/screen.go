package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"github.com/tracetally/tracetally/internal/audit"
)

// screen shows the numbers as a table that is redrawn in place.
type screen struct {
	program *tea.Program
	done    chan struct{}
	err     error
}

// newScreen takes over the terminal until close. ask is called for each Ctrl-C or q, which reach the screen as keys.
func newScreen(out io.Writer, header []string, begun time.Time, length time.Duration, logs *logTail, ask func()) *screen {
	m := model{header: header, begun: begun, length: length, logs: logs, ask: ask, width: 100, height: 40}
	s := &screen{
		program: tea.NewProgram(m, tea.WithOutput(out), tea.WithAltScreen(), tea.WithoutSignalHandler()),
		done:    make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		_, s.err = s.program.Run()
	}()
	return s
}

func (s *screen) show(v sample)    { s.program.Send(v) }
func (s *screen) note(text string) { s.program.Send(noteMsg(text)) }

// close gives the terminal back.
func (s *screen) close() error {
	s.program.Quit()
	<-s.done
	if errors.Is(s.err, tea.ErrProgramKilled) {
		return nil
	}
	return s.err
}

type noteMsg string

// model is the state of the screen.
type model struct {
	header        []string
	begun         time.Time
	length        time.Duration
	logs          *logTail
	ask           func()
	last          sample
	note          string
	width, height int
}

// Init has nothing to start: samples are sent from outside.
func (m model) Init() tea.Cmd { return nil }

// Update takes a sample, a note, a key or a new size.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case sample:
		m.last = msg
	case noteMsg:
		m.note = string(msg)
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		if s := msg.String(); s == "ctrl+c" || s == "q" {
			m.note = "stopping …  (once more: at once)"
			m.ask()
		}
	}
	return m, nil
}

// View draws the screen, cut to the size of the terminal.
func (m model) View() string {
	var b strings.Builder
	for _, part := range [][]string{m.title(), m.header, m.numbers(), m.errors(), m.footer()} {
		for _, line := range part {
			b.WriteString(line + "\n")
		}
		b.WriteString("\n")
	}
	cut := lipgloss.NewStyle().MaxWidth(m.width).MaxHeight(max(m.height-1, 1))
	return cut.Render(strings.TrimRight(b.String(), "\n"))
}

func bold(s string) string  { return lipgloss.NewStyle().Bold(true).Render(s) }
func faint(s string) string { return lipgloss.NewStyle().Faint(true).Render(s) }

// paint gives the text one of the terminal's own colours.
func paint(colour, text string) string {
	return lipgloss.NewStyle().Foreground(lipgloss.Color(colour)).Render(text)
}

func (m model) title() []string {
	at := m.last.at
	if at.IsZero() {
		at = m.begun
	}
	ran := at.Sub(m.begun).Truncate(time.Second).String()
	if m.length > 0 {
		ran += " of " + m.length.String()
	}
	return []string{bold("tracetally demo") + "  " + ran + faint("   Ctrl-C stops everything")}
}

func (m model) numbers() []string {
	s := m.last
	r := s.records
	return []string{
		bold("in PostgreSQL"),
		fmt.Sprintf("  %s records sent, %.0f events/s, lag %s records, %.1f s", count(s.sent), s.perSecond, count(int64(s.lagRecords)), s.lagSeconds),
		fmt.Sprintf("  %s calls, %s failed, cost %s USD, %s without a price", count(s.calls), count(s.failed), s.cost, count(s.unpriced)),
		"",
		bold("every offset has one verdict") + addsUp(r),
		fmt.Sprintf("  %s read = %s counted + %s duplicate + %s quarantined", count(r.Scanned),
			count(r.Counted), count(r.Duplicate), count(r.Quarantined)),
		fmt.Sprintf("    + %s ignored + %s late + %s gap", count(r.Ignored), count(r.Late), count(r.Gap)),
		fmt.Sprintf("  %s events = %s new + %s sent before + %s late + %s conflicting",
			count(s.events.New+s.events.Duplicate+s.events.Late+s.events.Conflicting),
			count(s.events.New), count(s.events.Duplicate), count(s.events.Late), count(s.events.Conflicting)),
	}
}

// addsUp says whether every offset that was read has a verdict.
func addsUp(r audit.RecordVerdicts) string {
	if r.Scanned == r.Counted+r.Duplicate+r.Quarantined+r.Ignored+r.Late+r.Gap {
		return paint("2", "  adds up")
	}
	return paint("1", "  DOES NOT ADD UP")
}

func (m model) errors() []string {
	s := m.last
	lines := []string{bold("calls that failed, last 2 minutes"), "  " + s.errorRates(), ""}
	width, trace := len("newest errors"), len("newest trace")
	for _, g := range s.groups {
		width, trace = max(width, len(g.cause())), max(trace, len(g.TraceID))
	}
	lines = append(lines, bold(fmt.Sprintf("%-*s %6s  %-*s %s", width, "newest errors", "count", trace, "newest trace", "at (UTC)")))
	for _, g := range s.groups {
		lines = append(lines, fmt.Sprintf("%s %6s  %-*s %s",
			colour(g.Category, fmt.Sprintf("%-*s", width, g.cause())), count(g.Count), trace, orDash(g.TraceID), g.Newest.UTC().Format("15:04:05")))
	}
	return lines
}

// colour tells the categories apart.
func colour(category, text string) string {
	colours := map[string]string{
		"api_error": "3", "parsing_error": "5", "data_error": "6", "model_error": "4", "system_error": "1",
	}
	return paint(colours[category], text)
}

func (m model) footer() []string {
	var lines []string
	for _, i := range activeIncidents(m.last.at, m.begun, m.length) {
		lines = append(lines, paint("1", "incident: "+i))
	}
	if m.note != "" {
		lines = append(lines, m.note)
	}
	for _, l := range m.logs.last() {
		lines = append(lines, faint(l))
	}
	return lines
}
