package pipeline

import (
	"context"
	"time"

	"github.com/tracetally/tracetally/sink"
)

const (
	// caughtUpEvery is how often a partition says that it is at the end of its log.
	caughtUpEvery = time.Minute
	// stillFor is how long the timestamps of a partition that has traffic must have stood still for it to say so. Shorter, and
	// history that is produced while it is read would make its own later part late.
	stillFor = time.Hour
)

// logEnd remembers when a partition had read its log to the end, until what was read is committed. From then on nothing that
// was appended before that moment is missing. It says so for a partition that is never without traffic, and whose records
// bring no later timestamps: its watermark would hold back the horizon of all for as long as that lasts.
type logEnd struct {
	// end was where the log ended at seen; the oldest such look that is not committed yet. Zero seen: there is none.
	end  int64
	seen time.Time
	// newest is the latest FirstTime committed, by which the horizon goes, and moved is when it last grew.
	newest, moved time.Time
	// told is when PostgreSQL last heard of it.
	told time.Time
}

// read notes that the log was read to its end.
func (l *logEnd) read(now time.Time, end int64) {
	if l.seen.IsZero() {
		l.end, l.seen = end, now
	}
}

// committed notes what was committed, and tells since when the partition can be called caught up, if it is time to say so.
func (l *logEnd) committed(now time.Time, to int64, newest time.Time) (at time.Time, ok bool) {
	if newest.After(l.newest) || l.moved.IsZero() {
		l.newest, l.moved = newest, now
	}
	if l.seen.IsZero() || to < l.end {
		return time.Time{}, false
	}
	at, l.seen = l.seen, time.Time{}
	return at, now.Sub(l.moved) >= stillFor && now.Sub(l.told) >= caughtUpEvery
}

// reachedEnd draws the consequences of having read the log to its end. If all of it is committed the partition is caught up
// now. Said before the commit it would make the very records late that are being committed.
func (p *partition) reachedEnd(ctx context.Context, end int64) {
	now := p.w.now()
	if !p.builder.empty() || p.pending != nil {
		p.ends.read(now, end)
		return
	}
	if now.Sub(p.ends.told) >= caughtUpEvery {
		p.caughtUp(ctx, now)
	}
}

// caughtUp lets PostgreSQL know that all that the log held at a moment is committed: a partition without traffic would hold
// back the horizon of all. It is news, not a promise: a failure is tried again with the next look.
func (p *partition) caughtUp(ctx context.Context, at time.Time) {
	if err := p.w.store.CaughtUp(ctx, []sink.Claim{p.builder.claim}, at); err != nil {
		p.log.Debug("caught-up partition not noted", "err", err)
		return
	}
	p.ends.told = p.w.now()
}
