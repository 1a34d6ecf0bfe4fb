package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg"
)

// startServer starts a server as one in production: every commit waits for the disk, checkpoints are far apart, autovacuum runs.
func startServer(ctx context.Context, buffers string) (*localpg.Server, error) {
	server, err := localpg.Start(ctx, localpg.Config{Settings: map[string]string{
		"fsync": "on", "synchronous_commit": "on", "shared_buffers": buffers, "max_wal_size": "8GB",
		"checkpoint_timeout": "15min", "autovacuum": "on",
	}})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return server, nil
}

// warm fills the shared buffers with pages that have to be written before others can take their place, as in a server that has
// been working for long. Without it the first millions of rows find free pages and cost less (seen: 2 µs a row), and then the
// kernel has to give the server memory that it never touched.
func warm(ctx context.Context, url string) error {
	const fill = `
drop table if exists filling;
create unlogged table filling (n bigint, page text);
alter table filling alter page set storage plain;
insert into filling
select n, repeat('x', 8000)
from generate_series(1, (select setting::bigint from pg_settings where name = 'shared_buffers')) n;`
	s, err := connect(ctx, url)
	if err != nil {
		return err
	}
	if _, err := s.Exec(ctx, fill, pgx.QueryExecModeSimpleProtocol); err != nil {
		return errors.Join(fmt.Errorf("warm the shared buffers: %w", err), s.Close(ctx))
	}
	return s.Close(ctx)
}

// session is a connection whose server process is known.
type session struct {
	*pgx.Conn
	pid int
}

// connect opens a session with the settings of the sink's.
func connect(ctx context.Context, url string) (*session, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("read the server's URL") // the error would quote it
	}
	cfg.RuntimeParams["timezone"], cfg.RuntimeParams["jit"] = "UTC", "off"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, errors.New("connect to PostgreSQL")
	}
	s := &session{Conn: conn}
	if err := conn.QueryRow(ctx, `select pg_backend_pid()`).Scan(&s.pid); err != nil {
		return nil, errors.Join(fmt.Errorf("read the backend's pid: %w", err), conn.Close(ctx))
	}
	return s, nil
}

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// cpu is time on a processor.
type cpu struct{ user, system time.Duration }

func (c cpu) sum() time.Duration { return c.user + c.system }

func (c cpu) minus(o cpu) cpu { return cpu{c.user - o.user, c.system - o.system} }

// backendCPU is what one process has used (proc(5), fields 14 and 15 of stat).
func backendCPU(pid int) (cpu, error) {
	fields, err := readStat(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return cpu{}, fmt.Errorf("read the CPU time of a server process: %w", err)
	}
	return cpu{ticks(fields[11]), ticks(fields[12])}, nil
}

// onCPU is what one process has used, to the nanosecond: too fine for backendCPU's clock are a thousand looks
// (Documentation/scheduler/sched-stats.rst: the first field of schedstat).
func onCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "schedstat")) //nolint:gosec // a file of /proc, named by a number
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of a server process: %w", err)
	}
	ns, err := strconv.ParseInt(string(bytes.Fields(stat)[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of a server process: %w", err)
	}
	return time.Duration(ns), nil
}

// serverCPU is what a server's processes have used, those that have ended included (fields 16 and 17).
func serverCPU(postmaster int) time.Duration {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var sum time.Duration
	for _, file := range files {
		fields, err := readStat(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		own := filepath.Base(filepath.Dir(file)) == strconv.Itoa(postmaster)
		if own || string(fields[1]) == strconv.Itoa(postmaster) {
			for _, f := range fields[11:15] {
				sum += ticks(f)
			}
		}
	}
	return sum
}

// readStat is the fields of a stat file from the third on, the state.
func readStat(file string) ([][]byte, error) {
	stat, err := os.ReadFile(file) //nolint:gosec // a file of /proc
	if err != nil {
		return nil, err
	}
	return bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]), nil
}

func ticks(field []byte) time.Duration {
	n, _ := strconv.ParseInt(string(field), 10, 64) // the kernel writes numbers
	return time.Duration(n) * tick
}
