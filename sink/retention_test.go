package sink

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

func TestRetentionDropsWhatLiesBeforeTheHorizonAndNothingElse(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	if got := days(t, s); got != expiredDays+" "+keptDays {
		t.Fatalf("partitions = %s", got)
	}
	r := retentionOf(t, s, RetentionConfig{})
	want := partitions(t, s)[:4]
	state := passed(t, r)
	if got := fmt.Sprint(state.Dropped); got != fmt.Sprint(want) {
		t.Errorf("dropped %s, want %s", got, want)
	}
	cleared(t, s)
	left := len(partitions(t, s))
	midnight := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	if !state.Horizon.Equal(midnight) || state.Oldest.Before(midnight) || state.Partitions != left || state.Expired != 0 ||
		!state.Worked || state.Succeeded.IsZero() {
		t.Errorf("state = %+v", state)
	}
	if again := passed(t, r); len(again.Dropped) != 0 || again.Partitions != left {
		t.Errorf("a second pass = %+v", again)
	}
}

// TestRetentionDoesNothingBeforeThereIsAHorizon and counts that as success: nothing is overdue.
func TestRetentionDoesNothingBeforeThereIsAHorizon(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	commit(t, s, cut(acquire(t, s, "a", 0), dailyLog(30, 20), 0, 11))
	state := passed(t, retentionOf(t, s, RetentionConfig{}))
	if len(state.Dropped) != 0 || state.Partitions != 11 || !state.Horizon.IsZero() || state.Succeeded.IsZero() {
		t.Errorf("state = %+v", state)
	}
}

// TestWidthOfPartitionsDoesNotMatter: an hour before the horizon goes, the day that holds it stays until all of it is.
func TestWidthOfPartitionsDoesNotMatter(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	for name, bounds := range map[string]string{
		"ledger_2026030622": `('2026-03-06 22:00+00') to ('2026-03-06 23:00+00')`,
		"ledger_2026030623": `('2026-03-06 23:00+00') to ('2026-03-07 00:00+00')`,
		"ledger_2026030700": `('2026-03-07 00:00+00') to ('2026-03-07 01:00+00')`,
		"ledger_w2":         `('2026-02-01 00:00+00') to ('2026-03-06 22:00+00')`,
	} {
		exec(t, s, `create table tracetally.`+name+` partition of tracetally.ledger for values from `+bounds)
		exec(t, s, `alter table tracetally.`+name+` owner to tracetally_retention`)
	}
	exec(t, s, `update tracetally.horizon set ts = '2026-03-07 00:00+00'`)
	state := passed(t, retentionOf(t, s, RetentionConfig{}))
	if got := strings.Join(state.Dropped, " "); got != "ledger_w2 ledger_2026030622 ledger_2026030623" {
		t.Errorf("dropped %s", got)
	}
	if state.Partitions != 1 {
		t.Errorf("%d partitions left, want 1", state.Partitions)
	}
}

// TestTablesThatOthersMadeAreLeftAlone: one that an operator detached to keep it, one that took the name of a marked one,
// and one that is attached to another table.
func TestTablesThatOthersMadeAreLeftAlone(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	old := partitions(t, s)
	for _, name := range old[:3] {
		exec(t, s, `alter table tracetally.ledger detach partition tracetally.`+name)
	}
	mark := func(name, relation string) {
		t.Helper()
		exec(t, s, `insert into tracetally.retired_partition (name, relation, upper) values ('`+name+`', `+relation+`, '2026-03-06')`)
	}
	mark(old[1], `1`)
	exec(t, s, `create table tracetally.archive (like tracetally.ledger) partition by range (time)`)
	exec(t, s, `alter table tracetally.archive attach partition tracetally.`+old[2]+` for values from ('2026-03-05') to ('2026-03-06')`)
	mark(old[2], `'tracetally.`+old[2]+`'::regclass`)
	state := passed(t, retentionOf(t, s, RetentionConfig{}))
	if got := fmt.Sprint(state.Dropped); got != fmt.Sprint(old[3:4]) {
		t.Errorf("dropped %s, want %s", got, old[3])
	}
	if got := detached(t, s); got != old[0]+" "+old[1] {
		t.Errorf("tables that are no partitions = %s", got)
	}
	if n := one[int](t, s, `select count(*)::int from tracetally.archive`); n != 1 {
		t.Errorf("%d rows in the archive, want 1", n)
	}
}

// TestDetachOfSomeoneElseIsNotEnded: whoever began it may have a reason to wait.
func TestDetachOfSomeoneElseIsNotEnded(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	end := reading(t, s)
	conn := admin(t, s)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `set lock_timeout = '100ms'`); err != nil {
		t.Fatal(err)
	}
	first := partitions(t, s)[0]
	if _, err := conn.Exec(t.Context(), `alter table tracetally.ledger detach partition tracetally.`+first+` concurrently`); err == nil {
		t.Fatal("the operator's detach did not wait")
	}
	end()
	r := retentionOf(t, s, RetentionConfig{})
	if _, err := r.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), "finalize") {
		t.Errorf("pass = %v, want one that says what is in its way", err)
	}
	if pending(t, s) != 1 {
		t.Error("the operator's detach was ended")
	}
	exec(t, s, `alter table tracetally.ledger detach partition tracetally.`+first+` finalize`)
	if state := passed(t, r); len(state.Dropped) != 3 || detached(t, s) != first {
		t.Errorf("dropped %v, left %s, want the other three dropped", state.Dropped, detached(t, s))
	}
}

// TestOneRetentionWorksAtATime and the other one still says how things stand.
func TestOneRetentionWorksAtATime(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	first, second := retentionOf(t, s, RetentionConfig{}), retentionOf(t, s, RetentionConfig{})
	var seen RetentionState
	before := len(partitions(t, s))
	met := false
	first.at = func(point string) error {
		if point == "marked" && !met {
			met = true
			seen = passed(t, second)
		}
		return nil
	}
	passed(t, first)
	if seen.Worked || len(seen.Dropped) != 0 || seen.Expired != 4 || seen.Partitions != before {
		t.Errorf("the second one = %+v", seen)
	}
	cleared(t, s)
	if after := passed(t, second); !after.Worked || after.Succeeded.IsZero() {
		t.Errorf("afterwards = %+v", after)
	}
}

// TestWorkerWithoutTheRightsSaysWhatItLacks, and counts on: commits need none of it.
func TestWorkerWithoutTheRightsSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	s, c := oldLedger(t)
	r, err := NewRetention(s.cfg, RetentionConfig{}) // as the worker's own login
	if err != nil {
		t.Fatal(err)
	}
	state, err := r.Pass(t.Context())
	if err == nil || !strings.Contains(err.Error(), "--retention-postgres-url") || strings.Contains(err.Error(), "postgres://") {
		t.Errorf("pass = %v", err)
	}
	if state.Expired != 4 || !state.Succeeded.IsZero() {
		t.Errorf("state = %+v", state)
	}
	if out := commit(t, s, cut(c, append(make([]logged, 12), logged{time: noon()}), 12, 13))[0]; out.Records.Ignored != 1 {
		t.Errorf("commit = %+v", out)
	}
}

func TestOldMinutesGoAndNewOnesStay(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	log := dailyLog(60, 0)
	for i := range log { // failures fill the other tables, too
		log[i].events[0] = failed(log[i].events[0], "rate_limit")
	}
	commit(t, s, cut(c, log, 0, 60))
	commit(t, s, cut(c, log, 60, 61)) // the horizon goes by its first record
	counts := func() string {
		return fmt.Sprint(column[int64](t, s, `
select count(*) from tracetally.rollup_calls_1m union all select count(*) from tracetally.rollup_errors_1m union all
select count(*) from tracetally.rollup_calls_1h union all select count(*) from tracetally.rollup_errors_1h union all
select count(*) from tracetally.rollup_calls_1d union all select count(*) from tracetally.rollup_errors_1d`))
	}
	const many = 2*rollupSlice + 1 // more than one slice, of one table only
	exec(t, s, fmt.Sprintf(`insert into tracetally.rollup_errors_1m (time, error_series_id, failures, exceptions, wasted_cost_usd)
select '2020-01-01', n, 1, 0, 0 from generate_series(1, %d) n`, many))
	keep := RetentionConfig{Keep: Keep{Minute: 30 * day, Hour: 50 * day}}
	passed(t, retentionOf(t, s, keep))
	if got := counts(); got != fmt.Sprintf("[61 %d 61 61 61 61]", 61+many) {
		t.Fatalf("rows = %s without a horizon, want all", got)
	}
	advancedTo(t, s)
	if state := passed(t, retentionOf(t, s, keep)); state.Deleted != 2*(30+10)+many {
		t.Errorf("%d rows deleted", state.Deleted)
	}
	if got := counts(); got != "[31 31 51 51 61 61]" {
		t.Errorf("rows = %s, want 31 of minutes, 51 of hours, all of days", got)
	}
	sound(t, s)
}

// TestDatabaseItselfKeepsWhatStillChanges: whoever calls with whatever bound.
func TestDatabaseItselfKeepsWhatStillChanges(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	n := one[int64](t, s, `select tracetally.delete_old_rollups('1d', '2030-01-01', 1000)`)
	if n != 3 { // 3, 4 and 5 March: the horizon is the 7th
		t.Errorf("%d rows deleted, want 3", n)
	}
}

func TestKeepReportsEveryProblemInTheUsersWords(t *testing.T) {
	t.Parallel()
	for want, k := range map[string]Keep{
		"retention-1m: must be whole days, at least 192h0m0s (retention and a day), got 168h0m0s": {Minute: 7 * day},
		"retention-1m: must be whole days, at least 192h0m0s (retention and a day), got 193h0m0s": {Minute: 193 * time.Hour},
		"retention-1h: must be whole days, at least 240h0m0s (retention-1m), got 216h0m0s":        {Minute: 10 * day, Hour: 9 * day},
		"retention-1d: must be 0 (for ever) when retention-1h is":                                 {Minute: 10 * day, Day: 20 * day},
	} {
		if err := k.validate(7 * day); err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", k, err, want)
		}
	}
	for _, ledger := range []time.Duration{day, 7 * day, 30 * day, 3650 * day} {
		if k := (Keep{}).withDefaults(ledger); k.validate(ledger) != nil || k.Minute < 30*day {
			t.Errorf("the default beside %v is %+v: %v", ledger, k, k.validate(ledger))
		}
	}
}

// TestHistoryThatIsReadForTheFirstTimeIsNotLate however often the horizon moves and retention runs meanwhile; its days go as
// soon as there are newer ones.
func TestHistoryThatIsReadForTheFirstTimeIsNotLate(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	r := retentionOf(t, s, RetentionConfig{})
	log := dailyLog(40, 0)
	for from := 0; from < len(log); from += 5 {
		to := min(from+5, len(log))
		out := commit(t, s, cut(c, log, from, to))[0]
		if out.Events.New != int64(to-from) {
			t.Errorf("days %d to %d = %+v, want all new", from, to, out.Events)
		}
		advancedTo(t, s)
		passed(t, r)
		sound(t, s)
	}
	if got := days(t, s); got != keptDays {
		t.Errorf("partitions = %s, want %s", got, keptDays)
	}
}

// TestReplayAfterRetentionChangesNothing: the same records once more, as after a reset or on another topic, are duplicate or
// late, and no figure moves.
func TestReplayAfterRetentionChangesNothing(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	passed(t, retentionOf(t, s, RetentionConfig{}))
	before := dump(t, s)
	delete(before, "progress")
	out := commit(t, s, cut(acquire(t, s, "again", 0), dailyLog(11, 0), 0, 12))[0]
	if out.Records != (RecordCounts{Duplicate: 8, Late: 4}) || out.Events != (EventCounts{Duplicate: 8, Late: 4}) {
		t.Errorf("outcome = %+v %+v", out.Records, out.Events)
	}
	sameTables(t, dump(t, s), before)
	cleared(t, s)
	late := one[string](t, s, `select late || ' ' || events_late from tracetally.partition_progress where topic = 'again'`)
	if late != "4 4" {
		t.Errorf("partition_progress shows %s late, want 4 4", late)
	}
}

// TestPartitionThatGoesBetweenTwoStatementsOfACommit: the first one reads the horizon, then the day goes, then the second one
// inserts into it.
func TestPartitionThatGoesBetweenTwoStatementsOfACommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile string
		want      EventCounts
	}{
		"before the horizon its events are late": {`update tracetally.horizon set ts = '2026-03-11'`, EventCounts{Late: 1}},
		"after the horizon it is made again":     {`select 1`, EventCounts{New: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, claim := oldLedger(t)
			log := append(dailyLog(11, 0), logged{time: noon()})
			log[12].events = []schemas.Event{call("straggler", noon().Add(-4*day))}
			home := one[string](t, s, `select tableoid::regclass::text from tracetally.ledger where time = $1`, noon().Add(-4*day))
			blocker, done := locking(t, s, `lock table tracetally.ledger in access exclusive mode`)
			out := make(chan Outcome, 1)
			go func() { out <- commit(t, s, cut(claim, log, 12, 13))[0] }()
			awaitBlocked(t, s) // the horizon is read, the insert waits
			blocker(`alter table tracetally.ledger detach partition ` + home)
			blocker(`drop table ` + home)
			blocker(c.meanwhile)
			done()
			if got := <-out; got.Events != c.want {
				t.Errorf("outcome = %+v, want %+v", got.Events, c.want)
			}
		})
	}
}
