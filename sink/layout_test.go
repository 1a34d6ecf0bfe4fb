package sink

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// lookByHour is how the events of traces are found, each within a span of time: $1 keys, $2 and $3 the ends of the spans. The
// limit is there for traces that are too long, and keeps the planner from turning the look inside out: it would read every
// hour of the index and join the hours afterwards (seen).
const lookByHour = `
select l.join_key, l.time
from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
cross join lateral generate_series(date_bin('1 hour', k.lower, '2000-01-01 00:00+00'), k.upper, '1 hour') h
cross join lateral (
    select l.join_key, l.time from tracetally.ledger l
    where date_bin('1 hour', l.time, '2000-01-01 00:00+00') = h and hashtextextended(l.join_key, 0) = hashtextextended(k.key, 0)
      and l.join_key = k.key and l.time >= greatest(h, k.lower) and l.time < least(h + interval '1 hour', k.upper)
    limit 5001
) l
order by l.time, l.join_key`

// hourly is a stored ledger of two days with an event a minute; ten traces take turns, and some events have none.
func hourly(t *testing.T, s *Store) (events []schemas.Event) {
	t.Helper()
	log := make([]logged, 0, 2*24*60)
	for n := range 2 * 24 * 60 {
		e := call(fmt.Sprint("event-", n), noon().Add(time.Duration(n-2*24*60)*time.Minute))
		if e.TraceID = fmt.Sprint("trace-", n%11); n%11 == 10 {
			e.TraceID = ""
		}
		events = append(events, e)
		log = append(log, logged{time: e.Time, events: []schemas.Event{e}})
	}
	c := acquire(t, s, "calls", 0)
	if out := commit(t, s, cut(c, log, 0, len(log)))[0]; out.Events.New != int64(len(log)) {
		t.Fatalf("outcome = %+v", out)
	}
	return events
}

func TestTheEventsOfATraceAreFoundHourByHour(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	events := hourly(t, s)
	conn := admin(t, s)
	defer func() { _ = conn.Close(t.Context()) }()
	keys := []string{"trace-3", "trace-7", "trace-none", "trace-3"}
	at := []time.Time{noon().Add(-36 * time.Hour), noon().Add(-12 * time.Hour), noon().Add(-time.Hour), noon()} // the second spans a midnight
	reach := []time.Duration{time.Hour, 84 * time.Hour, time.Hour, 7 * time.Minute}
	lower, upper := make([]time.Time, len(keys)), make([]time.Time, len(keys))
	want := 0
	for i := range keys {
		lower[i], upper[i] = at[i].Add(-reach[i]), at[i].Add(reach[i])
		for _, e := range events {
			if e.TraceID == keys[i] && !e.Time.Before(lower[i]) && e.Time.Before(upper[i]) {
				want++
			}
		}
	}
	found, err := conn.Query(t.Context(), lookByHour, keys, lower, upper)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pgx.CollectRows(found, pgx.RowToStructByPos[struct {
		Key  string
		Time time.Time
	}])
	if err != nil || len(rows) != want || want == 0 {
		t.Errorf("found %d events (%v), want %d", len(rows), err, want)
	}
}

// TestALookAtATraceReadsNothingButItsHours: a partition that is new has no statistics, and there the planner prefers to read the
// whole span by the primary key if the look leaves it the choice (seen with an index on the hash alone: 20 ms for 10 µs).
func TestALookAtATraceReadsNothingButItsHours(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	hourly(t, s)
	conn := admin(t, s)
	defer func() { _ = conn.Close(t.Context()) }()
	for _, analyzed := range []bool{false, true} {
		if analyzed {
			if _, err := conn.Exec(t.Context(), `analyze tracetally.ledger`); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := conn.Query(t.Context(), "explain (costs off) "+lookByHour, []string{"trace-3"}, []time.Time{noon().Add(-time.Hour)}, []time.Time{noon()})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(lines, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		conds := 0
		for _, line := range plan {
			if strings.Contains(line, "Index Cond") && strings.Contains(line, "date_bin") && strings.Contains(line, "hashtextextended") {
				conds++
			}
		}
		if conds < 2 || strings.Contains(text, "_pkey") || strings.Contains(text, "Seq Scan") {
			t.Errorf("analyzed %v:\n%s", analyzed, text)
		}
	}
}

// TestDaysFromBeforeTheIndexByHourGetIt upgrades a ledger that has rows.
func TestDaysFromBeforeTheIndexByHourGetIt(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	if err := prepareRoles(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["role"] = RoleOwner // as Migrate does
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	provider, err := migrator(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `
select tracetally.ensure_ledger_day('2026-03-13');
insert into tracetally.ledger (time, event_id, kind, series_id, join_key, retries, final, content_hash, source_id, source_offset, source_index)
values ('2026-03-13 11:00:01+00', decode(repeat('00', 16), 'hex'), 'call', 1, 'trace-3', 0, true, 1, 1, 1, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), Config{URL: secret.New(url)}); err != nil {
		t.Fatal(err)
	}
	with := atNoon()
	with.URL = secret.New(pgtest.As(t, url, RoleWriter))
	s, err := Open(t.Context(), with)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hourly(t, s) // makes more days, as the writer
	conn := admin(t, s)
	defer func() { _ = conn.Close(t.Context()) }()
	const ask = `
select (select count(*) from pg_inherits where inhparent = 'tracetally.ledger'::regclass) =
       (select count(*) from pg_inherits p join pg_index i on i.indexrelid = p.inhrelid and i.indisvalid
        where p.inhparent = 'tracetally.ledger_join'::regclass),
       to_regclass('tracetally.ledger_join_key') is null,
       (select count(*) from pg_class where relname like 'ledger%join_key%')`
	var all, gone bool
	var left int
	if err := conn.QueryRow(t.Context(), ask).Scan(&all, &gone, &left); err != nil || !all || !gone || left != 0 {
		t.Errorf("every day has the index: %v, the old one is gone: %v, left of it: %d (%v)", all, gone, left, err)
	}
	var key string
	var at time.Time
	if err := conn.QueryRow(t.Context(), lookByHour, []string{"trace-3"}, []time.Time{noon().Add(-25 * time.Hour)},
		[]time.Time{noon().Add(-25*time.Hour + 10*time.Second)}).Scan(&key, &at); err != nil || at.Second() != 1 {
		t.Errorf("the row from before the upgrade: %v (%v)", at, err)
	}
}
