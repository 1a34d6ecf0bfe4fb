package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/audit"
)

// lookLimit bounds one look at the numbers.
const lookLimit = 5 * time.Second

// sample is one look at the numbers. What is not said otherwise comes from the views in PostgreSQL.
type sample struct {
	at   time.Time
	sent int64 // by the producer, acknowledged

	records audit.RecordVerdicts
	events  audit.EventVerdicts
	// perSecond is how many events reached the tables per second since the look before.
	perSecond float64

	// lagRecords and lagSeconds come from the worker's /metrics: summed over partitions, and the largest.
	lagRecords, lagSeconds float64

	calls, failed, unpriced int64
	cost                    string // USD, rounded for the eye
	recentCalls             int64
	recent                  []share
	groups                  []group
}

// share is what one category had of the calls of the last two minutes.
type share struct {
	Category string
	Failures int64
}

// group is the failures and exceptions of the last quarter of an hour that have one cause, newest first.
type group struct {
	Category, Reason, Code string
	Count                  int64
	Newest                 time.Time
	TraceID                string
}

// watcher looks at the numbers.
type watcher struct {
	pool    *pgxpool.Pool
	metrics string // address of /metrics, or empty
	sent    func() int64
	last    sample
}

func (w *watcher) look(ctx context.Context) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	s := sample{at: time.Now(), sent: w.sent()}
	for _, step := range []func(context.Context, *sample) error{w.accounting, w.totals, w.recent, w.groups, w.lag} {
		if err := step(ctx, &s); err != nil {
			return w.last, err
		}
	}
	if took := s.at.Sub(w.last.at).Seconds(); !w.last.at.IsZero() && took > 0 {
		s.perSecond = float64(s.events.New+s.events.Duplicate-w.last.events.New-w.last.events.Duplicate) / took
	}
	w.last = s
	return s, nil
}

func (w *watcher) accounting(ctx context.Context, s *sample) error {
	r, e := &s.records, &s.events
	err := w.pool.QueryRow(ctx, `
		select coalesce(sum(counted), 0)::bigint, coalesce(sum(duplicate), 0)::bigint, coalesce(sum(late), 0)::bigint,
		       coalesce(sum(quarantined), 0)::bigint, coalesce(sum(ignored), 0)::bigint, coalesce(sum(gap), 0)::bigint,
		       coalesce(sum(next_offset - start_offset), 0)::bigint,
		       coalesce(sum(events_new), 0)::bigint, coalesce(sum(events_duplicate), 0)::bigint,
		       coalesce(sum(events_late), 0)::bigint, coalesce(sum(events_conflicting), 0)::bigint
		from partition_progress`).Scan(
		&r.Counted, &r.Duplicate, &r.Late, &r.Quarantined, &r.Ignored, &r.Gap, &r.Scanned,
		&e.New, &e.Duplicate, &e.Late, &e.Conflicting)
	if err != nil {
		return fmt.Errorf("read the accounting: %w", err)
	}
	return nil
}

func (w *watcher) totals(ctx context.Context, s *sample) error {
	err := w.pool.QueryRow(ctx, `
		select coalesce(sum(calls), 0)::bigint, coalesce(sum(failures), 0)::bigint, coalesce(sum(unpriced_calls), 0)::bigint,
		       round(coalesce(sum(cost_usd), 0), 4)::text
		from calls_1d`).Scan(&s.calls, &s.failed, &s.unpriced, &s.cost)
	if err != nil {
		return fmt.Errorf("read the calls: %w", err)
	}
	return nil
}

func (w *watcher) recent(ctx context.Context, s *sample) error {
	err := w.pool.QueryRow(ctx, `
		select coalesce(sum(calls), 0)::bigint
		from calls_1m
		where time >= date_trunc('minute', now()) - interval '1 minute'`).Scan(&s.recentCalls)
	if err != nil {
		return fmt.Errorf("read the calls of the last two minutes: %w", err)
	}
	rows, err := w.pool.Query(ctx, `
		select category, coalesce(sum(failures), 0)::bigint
		from errors_1m
		where time >= date_trunc('minute', now()) - interval '1 minute'
		group by category
		having sum(failures) > 0
		order by 2 desc, 1`)
	if err == nil {
		s.recent, err = pgx.CollectRows(rows, pgx.RowToStructByPos[share])
	}
	if err != nil {
		return fmt.Errorf("read the errors of the last two minutes: %w", err)
	}
	return nil
}

func (w *watcher) groups(ctx context.Context, s *sample) error {
	rows, err := w.pool.Query(ctx, `
		select category, reason, error_code, count(*), max(time),
		       coalesce((array_agg(trace_id order by time desc) filter (where trace_id <> ''))[1], '')
		from failures
		where time > now() - interval '15 minutes'
		group by category, reason, error_code
		order by max(time) desc, category, reason, error_code
		limit 12`)
	if err == nil {
		s.groups, err = pgx.CollectRows(rows, pgx.RowToStructByPos[group])
	}
	if err != nil {
		return fmt.Errorf("read the newest errors: %w", err)
	}
	return nil
}

// lag asks the worker. A worker that is just stopping does not answer, which is no error of this look.
func (w *watcher) lag(ctx context.Context, s *sample) error {
	if w.metrics == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.metrics+"/metrics", nil)
	if err != nil {
		return fmt.Errorf("ask for metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.lagRecords, s.lagSeconds = w.last.lagRecords, w.last.lagSeconds
		return nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end
	s.lagRecords, s.lagSeconds = readLag(resp.Body)
	return nil
}

// readLag sums and maximises the two lag gauges of a metrics page.
func readLag(page io.Reader) (records, seconds float64) {
	lines := bufio.NewScanner(page)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, ok := metricLine(lines.Text())
		if !ok {
			continue
		}
		switch name {
		case "tracetally_partition_lag_records":
			records += value
		case "tracetally_event_time_lag_seconds":
			seconds = max(seconds, value)
		}
	}
	return records, seconds
}

// metricLine takes a line of the text format apart: name, then labels or not, then the value.
func metricLine(line string) (name string, value float64, ok bool) {
	if strings.HasPrefix(line, "#") {
		return "", 0, false
	}
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return "", 0, false
	}
	name, rest := line[:end], line[end:]
	if i := strings.LastIndexByte(rest, '}'); i >= 0 {
		rest = rest[i+1:]
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
	return name, value, err == nil
}
