package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ledgerPartitions are the partitions of the ledger, of whatever width, with their bounds as the catalogue has them. The
// session's time zone is UTC.
const ledgerPartitions = `
    select c.relname::text as name, c.oid as relation, i.inhdetachpending as pending, c.reltuples as tuples,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz as lower,
           (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz as upper
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    join pg_namespace n on n.oid = c.relnamespace
    where i.inhparent = 'tracetally.ledger'::regclass and n.nspname = 'tracetally'`

// ledgerPartition is one of them.
type ledgerPartition struct {
	name     string
	relation uint32
	upper    time.Time
}

// ident is the name as SQL: DDL takes no parameters.
func (l ledgerPartition) ident() string { return pgx.Identifier{"tracetally", l.name}.Sanitize() }

// inTheWay is a transaction of others that began before a detach and has not ended: no fault, and it passes.
type inTheWay struct {
	partition string
	waited    time.Duration
	pids      []int32
}

// InTheWay tells whether a pass failed only because a transaction that began before it has not ended.
func InTheWay(err error) bool { return errors.As(err, new(*inTheWay)) }

func (e *inTheWay) Error() string {
	return fmt.Sprintf("partition %s waits for transactions that began before (pids %v)", e.partition, e.pids)
}

// ledger detaches and drops every partition that lies wholly before the horizon, oldest first. What an earlier pass left
// half done, because it was killed or cancelled, comes first: PostgreSQL has at most one detach pending at a time.
func (p *pass) ledger(ctx context.Context, horizon time.Time) error {
	if err := p.dropDetached(ctx); err != nil {
		return err
	}
	if err := p.finalize(ctx); err != nil {
		return err
	}
	const ask = `
with part as (` + ledgerPartitions + `)
select name, relation, upper from part where upper <= $1 and not pending order by upper`
	expired, err := p.list(ctx, ask, horizon)
	if err != nil {
		return err
	}
	for _, l := range expired {
		if err := p.retire(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) list(ctx context.Context, ask string, args ...any) ([]ledgerPartition, error) {
	rows, err := p.conn.Query(ctx, ask, args...)
	if err != nil {
		return nil, doing("list the ledger's partitions", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l ledgerPartition, err error) {
		return l, row.Scan(&l.name, &l.relation, &l.upper)
	})
	return all, doing("list the ledger's partitions", err)
}

// retire takes one partition away: marked, detached, dropped. It is marked first, in a statement of its own, so that a table
// that is found detached is known to be ours and not one that an operator keeps.
func (p *pass) retire(ctx context.Context, l ledgerPartition) error {
	const mark = `
insert into tracetally.retired_partition (name, relation, upper)
values ($1, $2, $3)
on conflict (name) do update set relation = excluded.relation, upper = excluded.upper, marked_at = now()`
	if _, err := p.conn.Exec(ctx, mark, l.name, l.relation, l.upper); err != nil {
		return doing("mark a partition of the ledger", err)
	}
	if err := p.reach("marked"); err != nil {
		return err
	}
	if err := p.detach(ctx, l); err != nil {
		return err
	}
	if err := p.reach("detached"); err != nil {
		return err
	}
	return p.dropDetached(ctx)
}

// detach waits for the transactions that use the ledger now, without a lock on it: readers, writers and new partitions pass.
// Only then does it lock the partition, for which it would wait while it holds up new partitions; so it does not begin while
// someone uses the partition itself.
func (p *pass) detach(ctx context.Context, l ledgerPartition) error {
	if pids, err := p.directUsers(ctx, l); err != nil || len(pids) > 0 {
		if err == nil {
			err = &inTheWay{partition: l.name, pids: pids}
		}
		return err
	}
	statement := `alter table tracetally.ledger detach partition ` + l.ident() + ` concurrently`
	return p.patiently(ctx, l, p.opts.ReaderWait, 2*p.opts.ReaderWait, statement)
}

// directUsers are sessions that hold a lock on the partition and none on the ledger: autovacuum, or someone by hand.
func (p *pass) directUsers(ctx context.Context, l ledgerPartition) ([]int32, error) {
	const ask = `
select distinct a.pid
from pg_locks a
where a.locktype = 'relation' and a.relation = $1 and a.database = (select oid from pg_database where datname = current_database())
  and a.pid <> pg_backend_pid()
  and not exists (
    select from pg_locks b
    where b.pid = a.pid and b.locktype = 'relation' and b.relation = 'tracetally.ledger'::regclass and b.database = a.database)`
	rows, err := p.conn.Query(ctx, ask, l.relation)
	if err != nil {
		return nil, doing("look for users of a partition", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	return pids, doing("look for users of a partition", err)
}

// finalize holds up new partitions while it waits for the transactions that began before it, of whatever table; and where one
// of them is about to make a partition, the two wait for each other. So it waits for less than a server takes to look for
// deadlocks (1 s), and tries a few times. Only what has been pending for long is worth a longer try: a commit that is then
// told of a deadlock is tried again.
const (
	finalizeWait  = 500 * time.Millisecond
	finalizeTries = 4
	finalizeLong  = 3 * time.Second
	pendingLong   = 10 * time.Minute
)

// finalize ends a detach that was cut short.
func (p *pass) finalize(ctx context.Context) error {
	const ask = `
with part as (` + ledgerPartitions + `)
select part.name, part.relation, part.upper, now() - t.marked_at > $1
from part
join tracetally.retired_partition t on t.name = part.name and t.relation = part.relation
where part.pending`
	var l ledgerPartition
	var long bool
	err := p.conn.QueryRow(ctx, ask, pendingLong).Scan(&l.name, &l.relation, &l.upper, &long)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return doing("look for a pending detach", err)
	}
	wait := finalizeWait
	if long {
		wait = finalizeLong
	}
	statement := `alter table tracetally.ledger detach partition ` + l.ident() + ` finalize`
	began := time.Now()
	var way *inTheWay
	for range finalizeTries {
		if err = p.patiently(ctx, l, wait, wait, statement); !errors.As(err, &way) {
			break
		}
		way.waited = time.Since(began)
		if stop := pause(ctx, finalizeWait); stop != nil { // whoever stood behind it goes first
			return stop
		}
	}
	if err != nil {
		return err
	}
	return p.dropDetached(ctx)
}

// patiently runs a statement that waits for others, each of them for at most lock and all together for at most total. If it
// had to give up the error is an *inTheWay.
func (p *pass) patiently(ctx context.Context, l ledgerPartition, lock, total time.Duration, statement string) error {
	const set = `select set_config('lock_timeout', $1, false), set_config('statement_timeout', $2, false)`
	if _, err := p.conn.Exec(ctx, set, millis(lock), millis(total)); err != nil {
		return doing("set timeouts", err)
	}
	began := time.Now()
	_, err := p.conn.Exec(ctx, statement)
	waited := time.Since(began)
	if err != nil && p.conn.IsClosed() {
		return doing("detach a partition of the ledger", err)
	}
	if _, err := p.conn.Exec(ctx, set, millis(retentionTimeout), sessionSettings()["statement_timeout"]); err != nil {
		return doing("set timeouts", err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || !gaveUp[pg.Code] {
		return doing("detach a partition of the ledger", err)
	}
	pids, err := p.users(ctx)
	return errors.Join(&inTheWay{partition: l.name, waited: waited, pids: pids}, err)
}

// gaveUp are the SQLSTATEs of a wait that was cut short: lock_timeout, statement_timeout, deadlock.
var gaveUp = map[string]bool{"55P03": true, "57014": true, "40P01": true}

// users are the other sessions that hold a lock on the ledger now.
func (p *pass) users(ctx context.Context) ([]int32, error) {
	const ask = `
select distinct pid
from pg_locks
where locktype = 'relation' and relation = 'tracetally.ledger'::regclass and granted and pid <> pg_backend_pid()
  and database = (select oid from pg_database where datname = current_database())
order by pid`
	rows, err := p.conn.Query(ctx, ask)
	if err != nil {
		return nil, doing("look for readers of the ledger", err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	return pids, doing("look for readers of the ledger", err)
}

// dropDetached drops the tables that were marked and are partitions of nothing any more. A mark whose table is gone, or whose
// name another table has, is taken away.
func (p *pass) dropDetached(ctx context.Context) error {
	const forget = `
delete from tracetally.retired_partition t
where not exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = t.relation and c.relname = t.name and n.nspname = 'tracetally')`
	if _, err := p.conn.Exec(ctx, forget); err != nil {
		return doing("forget partitions that are gone", err)
	}
	const ask = `
select t.name, t.relation, t.upper
from tracetally.retired_partition t
join pg_class c on c.oid = t.relation and c.relkind = 'r' and not c.relispartition
where t.name ~ '^ledger_[0-9a-z_]+$' and t.upper <= (select ts from tracetally.horizon)
order by t.upper`
	detached, err := p.list(ctx, ask)
	if err != nil {
		return err
	}
	for _, l := range detached {
		if err := p.drop(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// drop drops a detached table and takes its mark away, in one transaction. Under the lock it is looked at once more: someone
// may have attached it elsewhere.
func (p *pass) drop(ctx context.Context, l ledgerPartition) error {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return doing("begin", err)
	}
	defer rollback(ctx, tx) // after a commit it does nothing
	if _, err := tx.Exec(ctx, `lock table `+l.ident()+` in access exclusive mode`); err != nil {
		return doing("lock a detached partition", err)
	}
	var rows, bytes int64
	var attached bool
	const ask = `
select greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid), exists (select from pg_inherits where inhrelid = c.oid)
from pg_class c
where c.oid = $1`
	if err := tx.QueryRow(ctx, ask, l.relation).Scan(&rows, &bytes, &attached); err != nil {
		return doing("look at a detached partition", err)
	}
	if attached {
		return nil
	}
	if _, err := tx.Exec(ctx, `drop table `+l.ident()); err != nil {
		return doing("drop a detached partition", err)
	}
	if _, err := tx.Exec(ctx, `delete from tracetally.retired_partition where name = $1`, l.name); err != nil {
		return doing("take the mark of a partition away", err)
	}
	if err := p.reach("dropping"); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return doing("drop a detached partition", err)
	}
	p.state.Dropped = append(p.state.Dropped, l.name)
	p.cfg.Logger.Info("partition of the ledger dropped", "partition", l.name, "until", l.upper, "rows_about", rows, "bytes", bytes)
	return nil
}
