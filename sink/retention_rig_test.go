package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// retentionOf is a retention worker on the database of a store, as a login that may do this and nothing else.
func retentionOf(t testing.TB, s *Store, opts RetentionConfig) *Retention {
	t.Helper()
	opts.URL = secret.New(pgtest.As(t, s.cfg.URL.Reveal(), RoleRetention))
	r, err := NewRetention(s.cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dailyLog is one call a day, at noon, of the days from first to last before the day of noon().
func dailyLog(first, last int) []logged {
	var log []logged
	for n := first; n >= last; n-- {
		at := noon().Add(-time.Duration(n) * day)
		log = append(log, logged{time: at, events: []schemas.Event{call(fmt.Sprint("day-", n), at)}})
	}
	return log
}

// oldLedger is a store that read twelve days, of which the first four lie before the horizon now.
func oldLedger(t *testing.T) (*Store, Claim) {
	t.Helper()
	s := openStore(t, atNoon())
	return s, readTwelveDays(t, s)
}

func readTwelveDays(t *testing.T, s *Store) Claim {
	t.Helper()
	c := acquire(t, s, "a", 0)
	log := dailyLog(11, 0)
	before, today := commit(t, s, cut(c, log, 0, 11))[0], commit(t, s, cut(c, log, 11, 12))[0] // the horizon goes by the last commit's first record
	if before.Events.New != 11 || today.Events.New != 1 {
		t.Fatalf("history that is read for the first time = %+v and %+v", before.Events, today.Events)
	}
	if got := advancedTo(t, s); got != "2026-03-07" {
		t.Fatalf("horizon = %s", got)
	}
	return c
}

const (
	expiredDays = "0303 0304 0305 0306"
	keptDays    = "0307 0308 0309 0310 0311 0312 0313 0314 0315"
)

// days are the partitions of the ledger, and detached are the tables that look like one and are none.
func days(t testing.TB, s *Store) string {
	t.Helper()
	return strings.Join(column[string](t, s, `with part as (`+ledgerPartitions+`)
select distinct to_char(lower at time zone 'UTC', 'MMDD') as day from part order by day`), " ")
}

// partitions are their names, in order of time; of the width that they have, whatever it is.
func partitions(t testing.TB, s *Store) []string {
	t.Helper()
	return column[string](t, s, `with part as (`+ledgerPartitions+`) select name from part order by lower`)
}

func detached(t testing.TB, s *Store) string {
	t.Helper()
	return strings.Join(column[string](t, s, `
select c.relname::text from pg_class c
where c.relname like 'ledger\_2%' and c.relkind = 'r' and not c.relispartition order by c.relname`), " ")
}

// passed is a pass that must get through.
func passed(t testing.TB, r *Retention) RetentionState {
	t.Helper()
	state, err := r.Pass(t.Context())
	if err != nil {
		t.Fatalf("pass: %v", err)
	}
	return state
}

// cleared demands that the expired days are gone, that nothing else is, and that the figures stand.
func cleared(t testing.TB, s *Store) {
	t.Helper()
	if got := days(t, s); got != keptDays {
		t.Errorf("partitions = %s, want %s", got, keptDays)
	}
	if got := detached(t, s); got != "" {
		t.Errorf("left behind: %s", got)
	}
	if n := one[int](t, s, `select count(*)::int from tracetally.retired_partition`); n != 0 {
		t.Errorf("%d marks left", n)
	}
	sound(t, s)
}

// sound checks what holds whatever retention does: each offset and event has one verdict, everything that counted is in the
// tables of days, and after the horizon the tables of minutes are what the ledger says. All events of these tests are calls.
func sound(t testing.TB, s *Store) {
	t.Helper()
	const accounted = `
select count(*)::int from tracetally.partition_progress
where next_offset - start_offset <> counted + duplicate + late + quarantined + ignored + gap`
	if n := one[int](t, s, accounted); n != 0 {
		t.Errorf("%d partitions do not add up", n)
	}
	const counted = `
select (select coalesce(sum(events_new), 0) from tracetally.progress) - (select coalesce(sum(calls), 0) from tracetally.rollup_calls_1d)`
	if n := one[int64](t, s, counted+`::bigint`); n != 0 {
		t.Errorf("%d events more counted than summed", n)
	}
	const difference = `
select coalesce(string_agg(coalesce(l.time, r.time)::text, ' '), '')
from (select date_trunc('minute', time) as time, count(*) as n from tracetally.ledger
      where time >= coalesce((select ts from tracetally.horizon), '-infinity') group by 1) l
full join (select time, sum(calls) as n from tracetally.rollup_calls_1m
      where time >= coalesce((select ts from tracetally.horizon), '-infinity') group by 1) r on r.time = l.time
where l.n is distinct from r.n`
	if got := one[string](t, s, difference); got != "" {
		t.Errorf("ledger and rollups differ at %s", got)
	}
}

// retentionPid is the backend of the pass that is under way.
const retentionPid = `
select pid from pg_stat_activity where datname = current_database() and application_name = 'tracetally retention'`

// killed ends the backend of the pass from outside, as a crash of the server's process or of its network does, and waits
// until it is gone.
func killed(t testing.TB, s *Store) {
	t.Helper()
	for _, pid := range column[int32](t, s, retentionPid) {
		if !one[bool](t, s, `select pg_terminate_backend($1, 10000)`, pid) {
			t.Errorf("backend %d does not end", pid)
		}
	}
}

// awaitRetentionBlocked returns when the pass waits for others.
func awaitRetentionBlocked(t testing.TB, s *Store) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		const ask = `
select count(*)::int from pg_stat_activity
where datname = current_database() and application_name = 'tracetally retention' and wait_event_type = 'Lock'`
		if one[int](t, s, ask) > 0 {
			return
		}
	}
}

// reading is a dashboard in the middle of a long query: a transaction that has read failures and does not end.
func reading(t *testing.T, s *Store) (end func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.As(t, s.cfg.URL.Reveal(), RoleGrafana))
	if err != nil {
		t.Fatal("connect as grafana_ro")
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow(t.Context(), `select count(*) from tracetally.failures`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}

// waits demands that a pass failed because of someone in its way, and only because of that.
func waits(t testing.TB, err error) *inTheWay {
	t.Helper()
	var way *inTheWay
	if !errors.As(err, &way) {
		t.Fatalf("pass = %v, want one that waits for a reader", err)
	}
	return way
}

// locking is a transaction of the superuser that has run a statement; more runs further ones, done commits.
func locking(t *testing.T, s *Store, statement string) (more func(string), done func()) {
	t.Helper()
	conn := admin(t, s)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	more = func(statement string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	more(`begin`)
	more(statement)
	return more, func() { more(`commit`) }
}
