package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// aDayEach are calls of the days from first to last before today, one a day.
func aDayEach(topic string, first, last int) []*kgo.Record {
	var records []*kgo.Record
	for n := first; n >= last; n-- {
		records = append(records, agedCalls(topic, 1, n, 1, time.Now().AddDate(0, 0, -n).Truncate(time.Hour))...)
	}
	return records
}

// TestWorkerDropsOldDaysAndCountsWhatComesForThemAsLate walks the whole life of a day: counted when it is read for the first
// time, dropped when there are newer ones, late when it comes once more. Nothing that was counted changes.
func TestWorkerDropsOldDaysAndCountsWhatComesForThemAsLate(t *testing.T) {
	t.Parallel()
	const topic, again = "days", "days-again"
	r := newRig(t, map[string]int32{topic: 1, again: 1})
	cfg := r.weekly(topic, again)
	cfg.Retention = sink.RetentionConfig{URL: secret.New(pgtest.As(t, r.super, sink.RoleRetention)), Every: 20 * time.Millisecond}
	all := aDayEach(topic, 12, 0)
	r.produce(all...)
	r.readUpTo(cfg, topic, 13)
	r.until("0", `select sum(late)::bigint from tracetally.partition_progress`)
	r.run(`update tracetally.progress set caught_up_at = now()`) // as an idle partition says within a minute
	r.run(`select tracetally.advance_horizon('7 days', now())`)  // the committer looks every ten seconds

	w := r.start(cfg)
	const below = `
select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'tracetally.ledger'::regclass
  and 'ledger_' || to_char((select ts from tracetally.horizon) at time zone 'UTC', 'YYYYMMDD') > c.relname`
	r.until("0", below)
	r.until("13", `select sum(calls)::bigint from tracetally.calls_1d`)
	for _, rec := range all { // the same events once more, with the time at which they come now
		rec.Topic, rec.Timestamp = again, time.Now()
	}
	r.produce(all...)
	r.accounted(again, 13)
	r.until("5 8", `select late || ' ' || duplicate from tracetally.partition_progress where topic = 'days-again'`)
	r.until("13", `select sum(calls)::bigint from tracetally.calls_1d`)
	for _, want := range []string{
		`tracetally_records_total{verdict="late"} 5`, "tracetally_ledger_partitions_dropped_total 5",
		"tracetally_ledger_expired_partitions 0", "tracetally_retention_errors_total 0",
		`tracetally_unattended_partitions{horizon="held"} 0`,
	} {
		if text := w.scrape(); !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("metrics lack %q, have:\n%s", want, about(text, "retention", "horizon", "ledger", "verdict"))
		}
	}
	w.close()
}

// TestTimesOfTheNextCenturyMakeNoPartition: the record's own timestamp agrees with the event's, and both are wrong.
func TestTimesOfTheNextCenturyMakeNoPartition(t *testing.T) {
	t.Parallel()
	const topic = "future"
	r := newRig(t, map[string]int32{topic: 1})
	far := agedCalls(topic, 1, 0, 5, time.Date(2101, 5, 5, 0, 0, 0, 0, time.UTC))
	r.produce(append(far, agedCalls(topic, 1, 100, 5, time.Now())...)...)
	r.readUpTo(r.weekly(topic), topic, 10)
	r.until("5", `select sum(records)::bigint from tracetally.quarantine where reason = 'clock_skew'`)
	r.until("5", `select sum(calls)::bigint from tracetally.calls_1d`)
	r.until("0", `select count(*) from pg_class where relname like 'ledger\_21%'`)
}

// run executes a statement as the superuser.
func (r *rig) run(statement string) {
	r.t.Helper()
	if _, err := r.db.Exec(r.t.Context(), statement); err != nil {
		r.t.Fatalf("%s: %v", statement, err)
	}
}

// about are the lines of a text with one of the words in them.
func about(text string, words ...string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		for _, w := range words {
			if strings.Contains(line, w) && !strings.HasPrefix(line, "#") {
				fmt.Fprint(&found, line)
				break
			}
		}
	}
	return found.String()
}
