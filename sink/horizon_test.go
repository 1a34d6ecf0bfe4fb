package sink

import (
	"testing"
	"time"
)

// clocked is a store whose clock the test sets.
func clocked(t *testing.T) (s *Store, set func(time.Time)) {
	t.Helper()
	now := noon()
	s = openStore(t, Config{Now: func() time.Time { return now }})
	return s, func(at time.Time) { now = at }
}

// advancedTo moves the horizon as far as it goes and tells its day.
func advancedTo(t *testing.T, s *Store) string {
	t.Helper()
	if err := s.AdvanceHorizon(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, ok, err := s.Horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "none"
	}
	return at.Format(time.DateOnly)
}

// touched says when the partitions of a topic were last acquired or committed: the database's own clock does, else.
func touched(t *testing.T, s *Store, topic string, at time.Time) {
	t.Helper()
	exec(t, s, `update tracetally.progress set updated_at = '`+at.Format(time.RFC3339)+`' where topic = '`+topic+`'`)
}

func TestHaltedPartitionHoldsTheHorizonForOneRetention(t *testing.T) {
	t.Parallel()
	s, set := clocked(t)
	a, halted := acquire(t, s, "a", 0), acquire(t, s, "halted", 0)
	commit(t, s, &Batch{Claim: a, To: 1, Watermark: noon()}, &Batch{Claim: halted, To: 1, Watermark: noon().Add(-20 * day)})
	if err := s.Halt(t.Context(), halted, "log_replaced"); err != nil {
		t.Fatal(err)
	}
	for hour := range 7 * 24 {
		set(noon().Add(time.Duration(hour) * time.Hour))
		touched(t, s, "a", noon().Add(time.Duration(hour)*time.Hour))
		acquire(t, s, "halted", 0) // a new worker looks at it, and that does not make it any better
		if got := advancedTo(t, s); got != "2026-02-15" {
			t.Fatalf("after %d hours the horizon is at %s", hour, got)
		}
	}
	end := noon().Add(7 * day)
	set(end)
	commit(t, s, &Batch{Claim: a, From: 1, To: 2, Watermark: end})
	if got := advancedTo(t, s); got != "2026-03-14" {
		t.Errorf("after one retention the horizon is at %s, want one retention behind the others", got)
	}
}

// TestTopicThatNobodyReadsAnyMoreHoldsTheHorizonForOneRetention: it was taken out of --topics, or its consumer group was
// split, and nothing halted it.
func TestTopicThatNobodyReadsAnyMoreHoldsTheHorizonForOneRetention(t *testing.T) {
	t.Parallel()
	s, set := clocked(t)
	a, gone := acquire(t, s, "a", 0), acquire(t, s, "gone", 0)
	commit(t, s, &Batch{Claim: a, To: 1, Watermark: noon()}, &Batch{Claim: gone, To: 1, Watermark: noon().Add(-2 * day)})
	touched(t, s, "gone", noon())
	for hour := range 7*24 + 1 {
		at := noon().Add(time.Duration(hour) * time.Hour)
		set(at)
		touched(t, s, "a", at)
		if got := advancedTo(t, s); got != "2026-03-05" {
			t.Fatalf("after %d hours the horizon is at %s", hour, got)
		}
	}
	end := noon().Add(7*day + 2*time.Hour)
	set(end)
	commit(t, s, &Batch{Claim: a, From: 1, To: 2, Watermark: end})
	if got := advancedTo(t, s); got != "2026-03-14" {
		t.Errorf("after one retention the horizon is at %s", got)
	}
	back := acquire(t, s, "gone", 0)
	touched(t, s, "gone", end)
	if advancedTo(t, s); one[bool](t, s, `select unattended > '0' from tracetally.progress where topic = 'gone'`) {
		t.Error("a partition that is read again still counts as unattended")
	}
	if out := commit(t, s, cut(back, make([]logged, 2), 1, 2))[0]; out.Records.Ignored != 1 {
		t.Errorf("outcome of a partition that is read again = %+v", out)
	}
}

// TestOutageLongerThanTheRetentionMakesNothingLate: when the pipeline comes back, the partition that is committed first moves
// the horizon before the others are acquired. They were untouched for long, but nobody was there to touch them.
func TestOutageLongerThanTheRetentionMakesNothingLate(t *testing.T) {
	t.Parallel()
	s, set := clocked(t)
	a, b := acquire(t, s, "a", 0), acquire(t, s, "b", 0)
	commit(t, s, &Batch{Claim: a, To: 1, Watermark: noon()}, &Batch{Claim: b, To: 1, Watermark: noon()})
	advancedTo(t, s)
	touched(t, s, "a", noon())
	touched(t, s, "b", noon())
	after := noon().Add(30 * day)
	set(after)
	a = acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: a, From: 1, To: 2, Watermark: after})
	if got := advancedTo(t, s); got != "2026-03-07" {
		t.Errorf("horizon at %s, want it where it was", got)
	}
	log := []logged{{}, {time: noon().Add(time.Hour), events: oneCall("x")[0].events}}
	if out := commit(t, s, cut(acquire(t, s, "b", 0), log, 1, 2))[0]; out.Events.New != 1 {
		t.Errorf("backlog of the other partition = %+v, want new", out.Events)
	}
}

// TestEventAtTheHorizonIsNotLate and one a microsecond before it is.
func TestEventAtTheHorizonIsNotLate(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, To: 1, Watermark: noon()})
	if got := advancedTo(t, s); got != "2026-03-07" {
		t.Fatalf("horizon = %s", got)
	}
	at := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	log := []logged{{}, {time: noon()}, {time: noon()}}
	log[1].events = append(log[1].events, call("at", at))
	log[2].events = append(log[2].events, call("before", at.Add(-time.Microsecond)))
	out := commit(t, s, cut(c, log, 1, 3))[0]
	if out.Records != (RecordCounts{Counted: 1, Late: 1}) || out.Events != (EventCounts{New: 1, Late: 1}) {
		t.Errorf("outcome = %+v %+v", out.Records, out.Events)
	}
	if n := one[int64](t, s, `select count(*) from tracetally.ledger`); n != 1 {
		t.Errorf("%d rows in the ledger, want 1", n)
	}
}

// TestHorizonGoesByTheEarliestRecordOfACommit: in an old log one record may claim to be of today.
func TestHorizonGoesByTheEarliestRecordOfACommit(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, To: 10, FirstTime: noon().Add(-30 * day), Watermark: noon()})
	if got := advancedTo(t, s); got != "2026-02-05" {
		t.Errorf("horizon = %s", got)
	}
	commit(t, s, &Batch{Claim: c, From: 10, To: 20, FirstTime: noon().Add(-20 * day), Watermark: noon()})
	if got := advancedTo(t, s); got != "2026-02-15" {
		t.Errorf("horizon = %s", got)
	}
}

// TestWorkerWhoseClockIsAheadMakesNothingLate: the server's clock is a second witness. The test's own is months behind it.
func TestWorkerWhoseClockIsAheadMakesNothingLate(t *testing.T) {
	t.Parallel()
	s, set := clocked(t)
	set(time.Now().AddDate(1, 0, 0))
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, To: 1, Watermark: time.Now().AddDate(1, 0, 0)})
	if err := s.CaughtUp(t.Context(), []Claim{c}, time.Now().AddDate(1, 0, 0)); err != nil {
		t.Fatal(err)
	}
	want := time.Now().UTC().AddDate(0, 0, -7).Format(time.DateOnly)
	if got := advancedTo(t, s); got != want {
		t.Errorf("horizon = %s, want %s", got, want)
	}
}

// TestWorkerWhoseClockWasAheadLeavesNoTimeAhead: such a time would stay when the clock is right again, and after an outage the
// horizon would pass what the partition has not read yet.
func TestWorkerWhoseClockWasAheadLeavesNoTimeAhead(t *testing.T) {
	t.Parallel()
	s, set := clocked(t)
	ahead := time.Now().Add(10 * day)
	set(ahead)
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, To: 1, Watermark: ahead})
	if err := s.CaughtUp(t.Context(), []Claim{c}, ahead); err != nil {
		t.Fatal(err)
	}
	if !one[bool](t, s, `select watermark <= now() and caught_up_at <= now() from tracetally.progress`) {
		t.Error("a partition claims to have read what is not there yet")
	}
}

// TestNobodyMovesTheHorizonToLessThanADayAgo: the worker's login says how long the retention is, and must not be able to make
// everything late with it, and have it dropped.
func TestNobodyMovesTheHorizonToLessThanADayAgo(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	commit(t, s, &Batch{Claim: acquire(t, s, "a", 0), To: 1, Watermark: time.Now()})
	for _, retention := range []time.Duration{0, -100 * 365 * day, day - time.Microsecond} {
		if _, err := s.pool.Exec(t.Context(), `select tracetally.advance_horizon($1, now())`, retention); classify(err) != classReject {
			t.Errorf("a retention of %v: %v, want it refused", retention, err)
		}
	}
	if at, ok, err := s.Horizon(t.Context()); ok || err != nil {
		t.Errorf("horizon = %v, %v", at, err)
	}
	if _, err := s.pool.Exec(t.Context(), `select tracetally.advance_horizon($1, now())`, day); err != nil {
		t.Errorf("a retention of a day: %v", err)
	}
}
