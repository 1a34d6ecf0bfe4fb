package sink

import (
	"context"
	"time"
)

// horizonState is what the database knows about lateness.
type horizonState struct {
	stored    *time.Time // null until every partition has shown a time
	watermark *time.Time // of the slowest partition that has shown one
}

// horizonUS is the bound before which events are late, in microseconds since 1970. Until a horizon is stored it is the UTC
// midnight one retention behind the slowest partition, those of this commit included with the time of their first record.
// Without it one event that claims to be from 1970 would make a partition of the ledger for that day.
func (s *Store) horizonUS(h horizonState, works []*work) int64 {
	if h.stored != nil {
		return micros(*h.stored)
	}
	slowest := s.cfg.Now()
	if h.watermark != nil && h.watermark.Before(slowest) {
		slowest = *h.watermark
	}
	for _, w := range works {
		if t := w.batch.firstTime(); !t.IsZero() && t.Before(slowest) {
			slowest = t
		}
	}
	return micros(slowest.UTC().Add(-s.cfg.Retention).Truncate(day))
}

func (b *Batch) firstTime() time.Time {
	if b.FirstTime.IsZero() {
		return b.Watermark
	}
	return b.FirstTime
}

// ensureDays makes the ledger's partitions for the days of the works, each in a statement of its own before the
// transaction, so that no lock on the ledger is held while others write.
func (s *Store) ensureDays(ctx context.Context, works []*work) error {
	days := s.newDays(works)
	if len(days) == 0 {
		return nil
	}
	const ask = `select ts, (select min(watermark) from tracetally.progress) from tracetally.horizon`
	var h horizonState
	if err := s.pool.QueryRow(ctx, ask).Scan(&h.stored, &h.watermark); err != nil {
		return doing("read the horizon", err)
	}
	bound := s.horizonUS(h, works)
	for us := range days {
		if us < bound {
			continue // its events are late
		}
		const ensure = `select tracetally.ensure_ledger_day($1::date)`
		var made bool
		if err := s.pool.QueryRow(ctx, ensure, time.UnixMicro(us).UTC()).Scan(&made); err != nil {
			return doing("make a partition of the ledger", err)
		}
		if made {
			s.memo.days.Add(us, struct{}{})
		}
	}
	return nil
}

func (s *Store) newDays(works []*work) map[int64]bool {
	days := map[int64]bool{}
	last := int64(0)
	for _, w := range works {
		for i := range w.events() {
			d := floor(w.batch.at(i).us, day)
			if d == last && len(days) > 0 {
				continue
			}
			last = d
			if !s.memo.days.Contains(d) {
				days[d] = true
			}
		}
	}
	return days
}

// AdvanceHorizon moves the horizon to the UTC midnight one retention behind the slowest partition, if that is later than
// where it stands, and makes tomorrow's partition of the ledger, so that no commit has to at midnight. The committer calls
// it now and then.
func (s *Store) AdvanceHorizon(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	now := s.cfg.Now()
	if _, err := s.pool.Exec(ctx, `select tracetally.advance_horizon($1, $2)`, s.cfg.Retention, now); err != nil {
		return doing("advance the horizon", err)
	}
	_, err := s.pool.Exec(ctx, `select tracetally.ensure_ledger_day($1::date)`, now.UTC().Add(day))
	return doing("make tomorrow's partition of the ledger", err)
}

// Horizon is the time before which events are late, and whether it is set yet.
func (s *Store) Horizon(ctx context.Context) (time.Time, bool, error) {
	var ts *time.Time
	err := s.pool.QueryRow(ctx, `select ts from tracetally.horizon`).Scan(&ts)
	if err != nil || ts == nil {
		return time.Time{}, false, doing("read the horizon", err)
	}
	return ts.UTC(), true, nil
}
