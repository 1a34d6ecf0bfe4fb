package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// startDatabase starts a server that would survive a power cut, as in production: commits wait for the disk.
func startDatabase(ctx context.Context) (*localpg.Server, error) {
	server, err := localpg.Start(ctx, localpg.Config{Settings: map[string]string{
		"fsync": "on", "shared_buffers": "1GB", "max_wal_size": "8GB",
	}})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return server, nil
}

// createDatabase makes an empty database and returns its URL, which holds the password.
func createDatabase(ctx context.Context, server *localpg.Server, name string) (string, error) {
	conn, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("reach PostgreSQL: %w", err)
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return "", fmt.Errorf("create a database: %w", err)
	}
	return server.URL(name), nil
}

// ledger is the product's tables, migrated, and our look at them. url is a login's with the rights of the worker and of retention.
type ledger struct {
	url  string
	pool *pgxpool.Pool
}

func newLedger(ctx context.Context, server *localpg.Server, name string) (*ledger, error) {
	url, err := createDatabase(ctx, server, name)
	if err != nil {
		return nil, err
	}
	if err := sink.Migrate(ctx, sink.Config{URL: secret.New(url)}); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, errors.New("open connections to PostgreSQL") // the error would quote the URL
	}
	worker, err := server.Login(ctx, name, sink.RoleWriter)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("make the worker's login: %w", err)
	}
	grant := "grant " + pgx.Identifier{sink.RoleRetention}.Sanitize() + " to " + pgx.Identifier{name}.Sanitize()
	if _, err := pool.Exec(ctx, grant); err != nil { // the worker runs retention, too
		pool.Close()
		return nil, fmt.Errorf("let the worker run retention: %w", err)
	}
	return &ledger{url: worker.URL(name), pool: pool}, nil
}

// progress is how far the partitions of a topic are.
type progress struct {
	partitions, offsets, counted int64
}

func (l *ledger) progress(ctx context.Context, of string) (progress, error) {
	const query = `
select count(*), coalesce(sum(next_offset - start_offset), 0)::bigint, coalesce(sum(counted), 0)::bigint
from tracetally.partition_progress
where topic = $1`
	var p progress
	if err := l.pool.QueryRow(ctx, query, of).Scan(&p.partitions, &p.offsets, &p.counted); err != nil {
		return p, fmt.Errorf("read the progress of the partitions: %w", err)
	}
	return p, nil
}

// lookEvery is how often the tables are asked; the answer costs the server a fraction of a millisecond.
const lookEvery = 50 * time.Millisecond

// until looks at the progress until it is enough, or until the worker has ended, which it must not.
func (l *ledger) until(ctx context.Context, of string, worker *process, enough func(progress) (bool, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		p, err := l.progress(ctx, of)
		if err != nil {
			return err
		}
		if done, err := enough(p); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-worker.ended:
			return errors.Join(errors.New("the worker ended by itself"), worker.err)
		case <-ctx.Done():
			return fmt.Errorf("wait for the worker: %w", ctx.Err())
		}
	}
}

// offsets is the next offset of each partition of the topic.
func (l *ledger) offsets(ctx context.Context, partitions int) ([]int64, error) {
	rows, err := l.pool.Query(ctx, `select partition, next_offset from tracetally.partition_progress where topic = $1`, topic)
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	next := make([]int64, partitions)
	var partition int
	var offset int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &offset}, func() error {
		next[partition] = offset
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read offsets: %w", err)
	}
	return next, nil
}

// stall lets no commit through for a while, as a server does that is out of reach or waits for a standby.
func (l *ledger) stall(ctx context.Context, d time.Duration) error {
	tx, err := l.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("hold up commits: %w", err)
	}
	_, err = tx.Exec(ctx, `lock table tracetally.progress in exclusive mode`)
	if err == nil {
		_, err = tx.Exec(ctx, `select pg_sleep($1)`, d.Seconds())
	}
	if err := errors.Join(err, tx.Rollback(ctx)); err != nil {
		return fmt.Errorf("hold up commits: %w", err)
	}
	return nil
}
