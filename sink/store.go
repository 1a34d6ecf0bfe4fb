package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the database of one pipeline. It is safe for use by several goroutines.
type Store struct {
	cfg  Config
	pool *pgxpool.Pool
	log  *slog.Logger
	memo *memo
	sql  statements
}

// Open connects when first needed, not now: a worker starts while Postgres is still away, and Ready says so.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	pool, err := openPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	m, err := newMemo()
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{cfg: cfg, pool: pool, log: cfg.Logger, memo: m, sql: newStatements()}, nil
}

// Close waits for connections in use and closes them all.
func (s *Store) Close() { s.pool.Close() }

// Ready tells whether commits can work: the server answers, takes writes, has this program's schema, and the login has the
// rights of RoleWriter (ErrReadOnly, ErrSchemaVersion, ErrRights); and that this machine's clock is not a day behind the server's
// (ErrClock), or events of now would be quarantined as events of the future.
func (s *Store) Ready(ctx context.Context) error {
	const ask = `
select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on',
       coalesce((select max(version_id) from tracetally.schema_migration where is_applied), 0), now()`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	var readOnly bool
	var version int64
	var clock time.Time
	err := s.pool.QueryRow(ctx, ask).Scan(&readOnly, &version, &clock)
	var pg *pgconn.PgError
	if err == nil && version != SchemaVersion() || errors.As(err, &pg) {
		s.pool.Reset() // a connection learns our row types when it is made: after migrate there must be new ones
	}
	switch {
	case errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000"): // no such table or schema
		return fmt.Errorf("%w: found none, need %d", ErrSchemaVersion, SchemaVersion())
	case denied(err):
		return cmp.Or(s.rights(ctx), doing("ask whether postgres is ready", err))
	case err != nil:
		return doing("ask whether postgres is ready", err)
	case readOnly: // a primary that was demoted: another of the hosts may take writes by now
		s.pool.Reset()
		return ErrReadOnly
	case version != SchemaVersion():
		return fmt.Errorf("%w: found %d, need %d", ErrSchemaVersion, version, SchemaVersion())
	case clock.Sub(s.cfg.Now()) > day:
		return fmt.Errorf("%w by %v", ErrClock, clock.Sub(s.cfg.Now()).Round(time.Minute))
	}
	return s.rights(ctx)
}

// PartitionAccounting is what became of the offsets and events of one partition.
type PartitionAccounting struct {
	Topic             string
	Partition         int32
	Status            string
	StartOffset, Next int64
	Records           RecordCounts
	Events            EventCounts
}

// Accounting lists every partition, by topic and partition. Next − StartOffset equals Records.Sum(), always.
func (s *Store) Accounting(ctx context.Context) ([]PartitionAccounting, error) {
	const ask = `
select topic, partition, status, start_offset, next_offset, counted, duplicate, late, quarantined, ignored, gap,
       events_new, events_duplicate, events_late, events_conflicting
from tracetally.progress
order by topic, partition, incarnation`
	rows, err := s.pool.Query(ctx, ask)
	if err != nil {
		return nil, doing("read the accounting", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PartitionAccounting, error) {
		var a PartitionAccounting
		r, e := &a.Records, &a.Events
		err := row.Scan(&a.Topic, &a.Partition, &a.Status, &a.StartOffset, &a.Next, &r.Counted, &r.Duplicate, &r.Late,
			&r.Quarantined, &r.Ignored, &r.Gap, &e.New, &e.Duplicate, &e.Late, &e.Conflicting)
		return a, err
	})
	return all, doing("read the accounting", err)
}
