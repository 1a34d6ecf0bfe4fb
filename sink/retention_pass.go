package sink

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// pass is one round of retention, on one connection that holds the lock.
type pass struct {
	*Retention
	conn  *pgx.Conn
	state *RetentionState
}

// work removes what lies before the horizon. The horizon was committed before it is read here, so from now on no commit
// makes a row or a partition before it; one that read an older horizon finds no partition and asks anew.
func (p *pass) work(ctx context.Context) error {
	var horizon *time.Time
	if err := p.conn.QueryRow(ctx, `select ts from tracetally.horizon`).Scan(&horizon); err != nil {
		return doing("read the horizon", err)
	}
	if horizon == nil {
		return p.succeed(ctx) // nothing is late yet
	}
	if err := p.reach("horizon read"); err != nil {
		return err
	}
	err := p.ledger(ctx, *horizon)
	var way *inTheWay
	if errors.As(err, &way) {
		p.cfg.Logger.Warn("partition of the ledger waits for transactions that began before, tried again later",
			"partition", way.partition, "waited", way.waited.Round(time.Millisecond), "pids", way.pids)
	}
	if err := errors.Join(err, p.rollups(ctx, *horizon)); err != nil {
		return err
	}
	return p.succeed(ctx)
}

// reach is where tests stop a pass.
func (p *pass) reach(point string) error {
	if p.at == nil {
		return nil
	}
	return p.at(point)
}

// succeed notes that nothing is left before the horizon. All workers show this time, whoever did the work.
func (p *pass) succeed(ctx context.Context) error {
	_, err := p.conn.Exec(ctx, `update tracetally.retention set succeeded_at = now()`)
	return doing("note that retention got through", err)
}

// look finds out how things stand.
func (p *pass) look(ctx context.Context) error {
	const ask = `
with part as (` + ledgerPartitions + `), expired as (
    select name from part where upper <= (select ts from tracetally.horizon)
    union
    select t.name from tracetally.retired_partition t join pg_class c on c.oid = t.relation
)
select h.ts, t.succeeded_at, (select count(*) from part), (select min(lower) from part), (select count(*) from expired),
       (select count(*) from tracetally.progress where unattended > '0' and unattended < $1::interval),
       (select count(*) from tracetally.progress where unattended >= $1::interval)
from tracetally.horizon h, tracetally.retention t`
	var horizon, succeeded, oldest *time.Time
	s := p.state
	err := p.conn.QueryRow(ctx, ask, p.cfg.Retention).
		Scan(&horizon, &succeeded, &s.Partitions, &oldest, &s.Expired, &s.Holding, &s.Released)
	if err != nil {
		return doing("look at the ledger's partitions", err)
	}
	s.Known = true
	s.Horizon, s.Succeeded, s.Oldest = orZero(horizon), orZero(succeeded), orZero(oldest)
	return nil
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// rollupSlice is how many rows of a table one statement deletes, rollupSlices how many such a pass makes of one tier. The rest
// waits for the next pass: vacuum and replicas must keep up.
const (
	rollupSlice  = 5000
	rollupSlices = 200
)

// rollups deletes rows of the rollups that are older than they are kept. Such rows lie at least a day before the horizon,
// where nothing changes any more, so no commit waits for the locks; the function in the database sees to that as well.
func (p *pass) rollups(ctx context.Context, horizon time.Time) error {
	for _, t := range []struct {
		tier string
		keep time.Duration
	}{{"1m", p.opts.Keep.Minute}, {"1h", p.opts.Keep.Hour}, {"1d", p.opts.Keep.Day}} {
		if t.keep == 0 {
			continue
		}
		bound := horizon.Add(p.cfg.Retention - t.keep) // the horizon is one retention behind the slowest partition
		for range rollupSlices {
			var n int64
			const slice = `select tracetally.delete_old_rollups($1, $2, $3)`
			if err := p.conn.QueryRow(ctx, slice, t.tier, bound, rollupSlice).Scan(&n); err != nil {
				return doing("delete old rows of rollups", err)
			}
			p.state.Deleted += n
			if n == 0 {
				break
			}
		}
	}
	return nil
}
