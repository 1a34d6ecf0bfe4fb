package enrich

import (
	"errors"
	"time"
)

// period is one price of a model: the rates, when they hold, and the name of this version.
type period struct {
	from, to    time.Time // half-open; a zero time is an open end
	window      window
	sinceLaunch bool // the first price held before its date as well
	// noPrice marks an entry that names the model and has no price: OpenRouter writes -1 for its routers.
	noPrice bool
	rates   *rates
	version string // 12 hex of the file "@" effective_from as written, "-" when undated
}

// at is the price in force at a moment, nil when there is none. A matching window of the day beats a price without one; then the
// later date wins.
func (m *model) at(t time.Time) *period {
	var best *period
	for i := range m.periods {
		if p := &m.periods[i]; p.covers(t) && (best == nil || p.beats(best)) {
			best = p
		}
	}
	if best == nil {
		return m.atLaunch(t)
	}
	return best
}

// atLaunch is the first price, for a moment before it, if the file says that it held since the model was launched.
func (m *model) atLaunch(t time.Time) *period {
	var best *period
	for i := range m.periods { // ascending by from
		p := &m.periods[i]
		first := p.from.Equal(m.periods[0].from)
		if first && p.sinceLaunch && t.Before(p.from) && p.window.covers(t) && (best == nil || p.beats(best)) {
			best = p
		}
	}
	return best
}

func (p *period) covers(t time.Time) bool {
	return !t.Before(p.from) && (p.to.IsZero() || t.Before(p.to)) && p.window.covers(t)
}

func (p *period) beats(q *period) bool {
	if p.window.set != q.window.set {
		return p.window.set
	}
	return !p.from.Before(q.from)
}

// window is a part of every UTC day, half-open, in minutes after midnight; it may cross midnight. Unset, it is the whole day.
type window struct {
	start, end int
	set        bool
}

func (w window) covers(t time.Time) bool {
	if !w.set {
		return true
	}
	t = t.UTC()
	minute := t.Hour()*60 + t.Minute()
	if w.start <= w.end {
		return w.start <= minute && minute < w.end
	}
	return minute >= w.start || minute < w.end
}

// parseWindow reads "HH:MM-HH:MM".
func parseWindow(s string) (window, error) {
	if len(s) != 11 || s[5] != '-' {
		return window{}, errors.New(`want "HH:MM-HH:MM"`)
	}
	start, err1 := time.Parse("15:04", s[:5])
	end, err2 := time.Parse("15:04", s[6:])
	if err1 != nil || err2 != nil {
		return window{}, errors.New(`want "HH:MM-HH:MM"`)
	}
	w := window{start: start.Hour()*60 + start.Minute(), end: end.Hour()*60 + end.Minute(), set: true}
	if w.start == w.end {
		return window{}, errors.New("is empty")
	}
	return w, nil
}

// parseDate reads an RFC 3339 time or a date, which is its UTC midnight.
func parseDate(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, errors.New("want an RFC 3339 time or a date")
	}
	return t, nil
}
