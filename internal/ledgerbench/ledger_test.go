package main

import (
	"context"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// filled is a ledger of a layout with some transactions in it: rows of some days.
func filled(t *testing.T, name string) *run {
	t.Helper()
	l, err := parseLayout(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := prepare(t.Context(), options{perDay: 12_000}, l, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range []*session{r.admin, r.ledger.session, r.control.session, r.reader.session} {
			_ = s.Close(context.Background())
		}
	})
	for range 2 {
		if err := r.transaction(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestEveryLayoutFindsTheEventsOfATrace(t *testing.T) {
	t.Parallel()
	names := []string{"shipped"}
	for kind := range indexes() {
		names = append(names, "6h/"+kind) // some partitions of a day
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := filled(t, name)
			if r.reader.look == "" {
				return // a ledger without an index is measured only for what it costs to write
			}
			s := r.ledger.stream
			var keys []string
			var lower, upper []time.Time
			for n := int64(0); n < r.ledger.next/perTrace; n += 7 {
				at := s.traceBegin(n)
				keys, lower, upper = append(keys, key(s.traceID(n))), append(lower, at.Add(-reach)), append(upper, at.Add(reach))
			}
			const oracle = `
select count(*), max(l.cost_usd) from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) k (key, lower, upper)
join (select replace(join_key, 'x', 'x') as key, cost_usd, date_trunc('microseconds', time) as time from tracetally.ledger) l
  on l.key = k.key and l.time >= k.lower and l.time < k.upper`
			var got, want int64
			var cost, wantCost *float64
			if err := r.reader.session.QueryRow(t.Context(), r.reader.look, keys, lower, upper).Scan(&got, &cost); err != nil {
				t.Fatal(err)
			}
			if err := r.admin.QueryRow(t.Context(), oracle, keys, lower, upper).Scan(&want, &wantCost); err != nil {
				t.Fatal(err)
			}
			if got != want || want < int64(len(keys)) || cost == nil || *cost != *wantCost {
				t.Errorf("found %d events, a join over everything %d", got, want)
			}
		})
	}
}

func TestTheRowsAreTheStreamInTheWidthOfTheProduct(t *testing.T) {
	t.Parallel()
	r := filled(t, "shipped")
	const ask = `
select time, event_id, join_key, source_offset, content_hash, kind, cost_inputs is not null, alt_key, span_id
from tracetally.ledger`
	rows, err := r.admin.Query(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	kinds, alts, spans, spanned, count := map[string]int{}, map[string]bool{}, map[string]bool{}, 0, int64(0)
	var at time.Time
	var id []byte
	var key, alt, span *string
	var offset, hash int64
	var kind string
	var priced bool
	_, err = pgx.ForEachRow(rows, []any{&at, &id, &key, &offset, &hash, &kind, &priced, &alt, &span}, func() error {
		e := r.ledger.stream.event(offset)
		if at.UnixMicro() != e.us || [16]byte(id) != e.id || key != nil && *key != hex.EncodeToString(e.trace[:]) {
			t.Errorf("row %d holds %v, %x, %v", offset, at, id, key)
		}
		count++
		kinds[kind]++
		if alt != nil {
			alts[*alt] = true
		}
		if span != nil {
			spans[*span] = true
			spanned++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count != r.ledger.added || kinds["call"] < int(count)/2 || kinds["exception"] == 0 || spanned == 0 || len(spans) < spanned*9/10 {
		t.Errorf("%d rows of %d, kinds %v, %d span ids in %d rows, %d alternative keys", count, r.ledger.added, kinds, len(spans), spanned, len(alts))
	}
}

func TestTheFieldsStandWhereTheCatalogueSays(t *testing.T) {
	t.Parallel()
	r := filled(t, "24h/none")
	for name, at := range map[string]int{
		"time": fieldTime, "event_id": fieldID, "join_key": fieldKey, "alt_key": fieldAlt, "span_id": fieldSpan,
		"content_hash": fieldHash, "source_offset": fieldPosition,
	} {
		const ask = `select attnum - 1 from pg_attribute where attrelid = 'tracetally.ledger_in'::regclass and attname = $1`
		var got int
		if err := r.admin.QueryRow(t.Context(), ask, name).Scan(&got); err != nil || got != at {
			t.Errorf("%s is field %d (%v), want %d", name, got, err, at)
		}
	}
}

func TestAStepMeasuresWhatItDid(t *testing.T) {
	t.Parallel()
	r := filled(t, "shipped")
	var err error
	if err = r.admin.QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&r.server); err != nil {
		t.Fatal(err)
	}
	sent := r.ledger.sent
	s, err := r.step(t.Context(), 30_000)
	if err != nil {
		t.Fatal(err)
	}
	if r.ledger.sent-sent < 30_000 || s.rows != r.ledger.added || s.insert() <= 0 || s.control <= 0 || s.wal < 100 || s.heap == 0 || s.unique == 0 || s.join == 0 {
		t.Errorf("a step of 30,000 rows measured %+v", s)
	}
	if s.reads.anyAge <= 0 || s.reads.twin <= 0 || s.reads.found < 1 {
		t.Errorf("the reads measured %+v", s.reads)
	}
}
