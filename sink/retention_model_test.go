package sink

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// model is what a pipeline with retention must do, without a database: an event before the horizon is late, any other is new
// the first time.
type model struct {
	horizon time.Time
	seen    map[string]bool
}

func (m *model) judge(events []schemas.Event) (want EventCounts) {
	for _, e := range events {
		switch {
		case e.Time.Before(m.horizon):
			want.Late++
		case m.seen[e.ID]:
			want.Duplicate++
		default:
			m.seen[e.ID] = true
			want.New++
		}
	}
	return want
}

// TestVerdictsAreThoseOfTheModelWhateverRetentionDoes draws commits, replays from the start, moves of the clock and of the
// horizon, and passes that are killed anywhere.
func TestVerdictsAreThoseOfTheModelWhateverRetentionDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			play(t, rand.New(rand.NewPCG(seed, 4)))
		})
	}
}

// drawnLog is a month of calls in about the order of time, with stragglers of up to ten days and copies.
func drawnLog(r *rand.Rand) []logged {
	log := make([]logged, 150)
	for i := range log {
		at := noon().Add(-30*day + time.Duration(i)*30*day/150)
		id := fmt.Sprint("e", r.IntN(120))
		log[i] = logged{time: at, events: []schemas.Event{call(id, at.Add(-time.Duration(r.Int64N(int64(10*day)))).Truncate(time.Second))}}
		for _, earlier := range log[:i] { // a copy has its twin's time
			if e := earlier.events[0]; e.ID == id {
				log[i].events[0] = e
			}
		}
	}
	return log
}

func play(t *testing.T, r *rand.Rand) {
	s := openStore(t, atNoon())
	log := drawnLog(r)
	// Until a horizon is stored it lies one retention before the first record.
	m := &model{horizon: log[0].time.Add(-7 * day).Truncate(day), seen: map[string]bool{}}
	claims, next := []Claim{acquire(t, s, "p0", 0)}, []int{0}
	retention := retentionOf(t, s, RetentionConfig{})
	for range 60 {
		switch r.IntN(10) {
		case 0: // the same log on another topic, from its start
			if len(claims) < 4 && next[0] > 0 {
				claims, next = append(claims, acquire(t, s, fmt.Sprint("p", len(claims)), 0)), append(next, 0)
			}
		case 1, 2:
			points := []string{"horizon read", "marked", "detached", "dropping"}
			retention.at = killAt(t, s, points[r.IntN(len(points))], r.IntN(3))
			_, _ = retention.Pass(t.Context()) // whether it got that far or not
		case 3:
			retention.at = nil
			passed(t, retention)
		default:
			at := r.IntN(len(claims))
			from, to := next[at], min(next[at]+1+r.IntN(15), len(log))
			if from == to {
				continue
			}
			got := commit(t, s, cut(claims[at], log, from, to))[0].Events
			if want := m.judge(eventsOf(log[from:to])); got != want {
				t.Fatalf("records %d to %d of %s with horizon %v = %+v, want %+v", from, to, claims[at].Topic, m.horizon, got, want)
			}
			next[at] = to
			advancedTo(t, s)
			m.horizon, _, _ = s.Horizon(t.Context())
		}
		sound(t, s)
	}
	retention.at = nil
	passed(t, retention)
	if n := one[int](t, s, `select count(*)::int from tracetally.ledger where time < (select ts from tracetally.horizon)`); n != 0 {
		t.Errorf("%d rows before the horizon", n)
	}
}

// killAt ends the pass's backend when it reaches a point for the nth time.
func killAt(t *testing.T, s *Store, where string, nth int) func(string) error {
	return func(point string) error {
		if point != where {
			return nil
		}
		if nth--; nth == -1 {
			killed(t, s)
		}
		return nil
	}
}

func eventsOf(log []logged) (all []schemas.Event) {
	for _, l := range log {
		all = append(all, l.events...)
	}
	return all
}
