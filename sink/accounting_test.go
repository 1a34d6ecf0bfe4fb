package sink

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/schemas"
)

// TestAccountingAddsUpForAnyBatches draws logs, cuts and interleavings of two partitions and checks the accounting against
// a model in Go: a set of counted ids.
func TestAccountingAddsUpForAnyBatches(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		topic := fmt.Sprint("topic", run)
		seen := map[string]bool{}
		var claims [2]Claim
		var at [2]int
		for p := range claims {
			claims[p] = acquire(t, s, topic, int32(p))
		}
		var want [2]Outcome
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			p := rapid.IntRange(0, 1).Draw(rt, "partition")
			log := drawRecords(rt, topic)
			b := cut(claims[p], append(make([]logged, at[p]), log...), at[p], at[p]+len(log))
			got := commit(t, s, b)[0]
			expect := modelOutcome(log, seen)
			if got.Records != expect.Records || got.Events != expect.Events {
				rt.Fatalf("outcome = %+v %+v, want %+v %+v", got.Records, got.Events, expect.Records, expect.Events)
			}
			at[p] += len(log)
			want[p].Records.merge(expect.Records)
			want[p].Events.merge(expect.Events)
		}
		for p := range want {
			checkAccounting(rt, s, topic, int32(p), int64(at[p]), want[p])
		}
	})
}

func checkAccounting(t *rapid.T, s *Store, topic string, partition int32, next int64, want Outcome) {
	all, err := s.Accounting(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Topic != topic || a.Partition != partition {
			continue
		}
		if a.Next != next || a.Next-a.StartOffset != a.Records.Sum() || a.Records != want.Records || a.Events != want.Events {
			t.Fatalf("accounting of %s/%d = %+v, want next %d and %+v", topic, partition, a, next, want)
		}
		return
	}
	t.Fatalf("no accounting of %s/%d", topic, partition)
}

func drawRecords(t *rapid.T, prefix string) []logged {
	record := rapid.Custom(func(t *rapid.T) logged {
		r := logged{time: noon()}
		switch rapid.IntRange(0, 5).Draw(t, "sort") {
		case 0:
			r.reject = schemas.Malformed
		case 1:
			r.gap = true
		case 2: // ignored
		default:
			for range rapid.IntRange(1, 3).Draw(t, "events") {
				e := call(fmt.Sprint(prefix, rapid.IntRange(0, 9).Draw(t, "id")), noon())
				if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
					e.Time = noon().Add(-60 * day)
				}
				r.events = append(r.events, e)
			}
		}
		return r
	})
	return rapid.SliceOfN(record, 1, 12).Draw(t, "log")
}

// modelOutcome says what must become of a log, given what was counted before.
func modelOutcome(log []logged, seen map[string]bool) Outcome {
	var o Outcome
	for _, r := range log {
		var fresh, late int64
		for _, e := range r.events {
			switch {
			case e.Time.Before(noon().Add(-8 * day)):
				late++
			case seen[e.ID]:
				o.Events.Duplicate++
			default:
				fresh++
				seen[e.ID] = true
			}
		}
		o.Events.New += fresh
		o.Events.Late += late
		switch {
		case r.gap:
			o.Records.Gap++
		case r.reject != "":
			o.Records.Quarantined++
		case len(r.events) == 0:
			o.Records.Ignored++
		case fresh > 0:
			o.Records.Counted++
		case late > 0:
			o.Records.Late++
		default:
			o.Records.Duplicate++
		}
	}
	return o
}

func TestStartIsResolvedOnceAndFrozen(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	first, err := s.Acquire(t.Context(), "a", 0, "cluster", startAt(42))
	if err != nil {
		t.Fatal(err)
	}
	never := func(context.Context, bool) (int64, error) { return 0, errors.New("asked again") }
	second, err := s.Acquire(t.Context(), "a", 0, "cluster", never)
	if err != nil {
		t.Fatal(err)
	}
	if second.StartOffset != 42 || second.Next != 42 || second.Token == first.Token || second.Status != StatusRunning {
		t.Errorf("second claim = %+v", second)
	}
	if _, err := s.Acquire(t.Context(), "a", 0, "other", never); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("acquire for another cluster: %v, want ErrOtherCluster", err)
	}
	b := &Batch{Claim: second, From: 42, To: 50, Watermark: noon(), Anchor: Anchor{Offset: 49, Hash: []byte{1}}, LeaderEpoch: 7}
	if out := commit(t, s, b)[0]; out.Fenced || out.Records.Ignored != 8 {
		t.Errorf("commit after a refused acquire = %+v, want 8 ignored", out)
	}
	third := acquire(t, s, "a", 0)
	if third.Next != 50 || third.Anchor.Offset != 49 || third.Anchor.Hash[0] != 1 || third.LeaderEpoch != 7 {
		t.Errorf("third claim = %+v, want next 50 and the anchor", third)
	}
}

func TestHaltIsSeenByTheNextOwnerAndNeedsTheClaim(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	old := acquire(t, s, "a", 0)
	current := acquire(t, s, "a", 0)
	if err := s.Halt(t.Context(), old, "log_regressed"); !errors.Is(err, ErrFenced) {
		t.Errorf("halt with an old claim = %v, want ErrFenced", err)
	}
	if err := s.Halt(t.Context(), current, "log_regressed"); err != nil {
		t.Fatal(err)
	}
	if got := acquire(t, s, "a", 0).Status; got != "log_regressed" {
		t.Errorf("status = %q", got)
	}
	if got := one[string](t, s, "select status from tracetally.partition_progress"); got != "log_regressed" {
		t.Errorf("view says %q", got)
	}
}

func TestReleasedPartitionTakesNoCommit(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	if err := s.Release(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if out := commit(t, s, &Batch{Claim: c, From: 0, To: 1})[0]; !out.Fenced {
		t.Errorf("commit after release = %+v, want fenced", out)
	}
}

// TestFencedPartitionDoesNotStopTheOthers: of three partitions in one transaction one has another owner.
func TestFencedPartitionDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	var batches []*Batch
	for p := range int32(3) {
		log := []logged{{time: noon(), events: []schemas.Event{call(fmt.Sprint("e", p), noon())}}}
		batches = append(batches, cut(acquire(t, s, "a", p), log, 0, 1))
	}
	acquire(t, s, "a", 1)
	out := commit(t, s, batches...)
	if out[0].Fenced || !out[1].Fenced || out[2].Fenced || out[1].New[0] {
		t.Errorf("outcomes = %+v", out)
	}
	if n := one[int64](t, s, "select sum(calls)::bigint from tracetally.calls_1d"); n != 2 {
		t.Errorf("calls = %d, want 2", n)
	}
	if next := column[int64](t, s, "select next_offset from tracetally.partition_progress order by partition"); fmt.Sprint(next) != "[1 0 1]" {
		t.Errorf("next offsets = %v", next)
	}
}

func TestNeighbouringRangesOfOneReasonAreOneRow(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	log := []logged{
		{gap: true}, {gap: true}, {reject: schemas.Malformed}, {reject: schemas.Malformed}, {reject: schemas.Malformed},
		{reject: schemas.TooDeep}, {time: noon()}, {reject: schemas.TooDeep},
	}
	for i, n := range []int{1, 3, len(log)} { // the same, however it is cut
		c := acquire(t, s, fmt.Sprint("t", i), 0)
		for at := 0; at < len(log); at += n {
			commit(t, s, cut(c, log, at, min(at+n, len(log))))
		}
	}
	want := "[2-5 malformed 3 21 5-6 too_deep 1 7 7-8 too_deep 1 7]"
	const ask = `
select from_offset || '-' || to_offset || ' ' || reason || ' ' || records || ' ' || size_bytes
from tracetally.quarantine where topic = $1 order by from_offset`
	for i := range 3 {
		if got := fmt.Sprint(column[string](t, s, ask, fmt.Sprint("t", i))); got != want {
			t.Errorf("ranges = %s, want %s", got, want)
		}
	}
	if n := one[int64](t, s, "select count(distinct sha256) from tracetally.quarantine"); n != 3 {
		t.Errorf("%d different hashes, want one for each of the three ranges", n)
	}
	const gaps = `select distinct from_offset || '-' || to_offset from tracetally.gaps`
	if got := column[string](t, s, gaps); fmt.Sprint(got) != "[0-2]" {
		t.Errorf("gaps = %v", got)
	}
}

func TestBatchThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	two := func(b Batch, records ...RecordEvents) *Batch {
		b.add(0, call("a", noon()), call("b", noon()))
		b.Records = records
		return &b
	}
	for name, b := range map[string]*Batch{
		"empty range":             {From: 5, To: 5},
		"event without record":    two(Batch{To: 5}, RecordEvents{Offset: 1, N: 1}),
		"record outside":          two(Batch{To: 5}, RecordEvents{Offset: 5, N: 2}),
		"records out of order":    two(Batch{To: 5}, RecordEvents{Offset: 2, N: 1}, RecordEvents{Offset: 1, First: 1, N: 1}),
		"record in quarantine":    two(Batch{To: 5, Quarantined: []Range{{From: 1, To: 3}}}, RecordEvents{Offset: 2, N: 2}),
		"gap in quarantine":       {To: 5, Gaps: []Range{{From: 1, To: 3}}, Quarantined: []Range{{From: 2, To: 4}}},
		"quarantine beyond":       {To: 5, Quarantined: []Range{{From: 4, To: 6}}},
		"empty quarantined range": {To: 5, Quarantined: []Range{{From: 4, To: 4}}},
	} {
		if err := b.validate(); !errors.Is(err, ErrBadBatch) {
			t.Errorf("%s: %v, want ErrBadBatch", name, err)
		}
	}
}

// TestHorizonFollowsTheSlowestPartitionAndNeverMovesBack also shows that a topic of any age is not late in its first reading.
func TestHorizonFollowsTheSlowestPartitionAndNeverMovesBack(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	a, b := acquire(t, s, "a", 0), acquire(t, s, "a", 1)
	horizon := func() string {
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
	at := func(c Claim, offset int64, record, event time.Time) Outcome {
		b := &Batch{Claim: c, From: offset, To: offset + 1, FirstTime: record, Watermark: record}
		return commit(t, s, b.add(offset, call(uuid.NewString(), event)))[0]
	}
	month := noon().Add(-30 * day)
	if out := at(a, 0, noon(), noon()); out.Events.New != 1 {
		t.Errorf("first event = %+v", out.Events)
	}
	if got := horizon(); got != "none" {
		t.Errorf("horizon = %s while a partition has shown no time", got)
	}
	if out := at(b, 0, month, month); out.Events.New != 1 {
		t.Errorf("event of an old topic, read for the first time = %+v, want new", out.Events)
	}
	if got, want := horizon(), "2026-02-05"; got != want { // 37 days before noon, at midnight
		t.Errorf("horizon = %s, want %s", got, want)
	}
	if out := at(a, 1, noon(), month.Add(-8*day)); out.Events.Late != 1 {
		t.Errorf("event before the horizon = %+v, want late", out.Events)
	}
	at(b, 1, noon(), noon())
	if got, want := horizon(), "2026-03-07"; got != want {
		t.Errorf("horizon = %s, want %s", got, want)
	}
	at(acquire(t, s, "b", 0), 0, month, noon())
	if got, want := horizon(), "2026-03-07"; got != want {
		t.Errorf("horizon moved back to %s", got)
	}
	if days := column[string](t, s, `select to_char(min(time), 'MM-DD') from tracetally.ledger`); fmt.Sprint(days) != "[02-12]" {
		t.Errorf("ledger begins at %v", days)
	}
}

// TestIdlePartitionDoesNotHoldTheHorizon: one that stands at the end of its log counts with the time of that.
func TestIdlePartitionDoesNotHoldTheHorizon(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	a, idle, empty := acquire(t, s, "a", 0), acquire(t, s, "a", 1), acquire(t, s, "a", 2)
	commit(t, s, &Batch{Claim: a, To: 1, Watermark: noon()}, &Batch{Claim: idle, To: 1, Watermark: noon().Add(-100 * day)})
	if err := s.CaughtUp(t.Context(), []Claim{idle, empty}, noon()); err != nil {
		t.Fatal(err)
	}
	if err := s.AdvanceHorizon(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, _, err := s.Horizon(t.Context())
	if err != nil || at.Format(time.DateOnly) != "2026-03-07" {
		t.Errorf("horizon = %v, %v, want 2026-03-07", at, err)
	}
}

func TestAnchorOutlivesBatchesWithoutRecords(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, To: 5, Anchor: Anchor{Offset: 4, Hash: []byte("hash")}})
	commit(t, s, &Batch{Claim: c, From: 5, To: 9}) // an aborted transaction, a marker
	if got := acquire(t, s, "a", 0).Anchor; got.Offset != 4 || string(got.Hash) != "hash" {
		t.Errorf("anchor = %+v, want the last record that was read", got)
	}
}

func TestTomorrowsPartitionIsMadeAhead(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	if err := s.AdvanceHorizon(t.Context()); err != nil {
		t.Fatal(err)
	}
	const partitions = `
select count(*)::int
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'tracetally.ledger'::regclass and pg_get_expr(c.relpartbound, c.oid) like '%2026-03-15%'`
	if n := one[int](t, s, partitions); n != 1 {
		t.Errorf("%d partitions for tomorrow, want 1", n)
	}
}

func TestPartitionThatDidNotSayWhereItStartsHoldsTheHorizonAndKeepsItsStart(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	if err := s.AddTopic(t.Context(), "a", "cluster", map[int32]int64{0: 7, 1: Unplaced}); err != nil {
		t.Fatal(err)
	}
	c := acquire(t, s, "a", 0)
	commit(t, s, &Batch{Claim: c, From: 7, To: 8, FirstTime: noon(), Watermark: noon()})
	if err := s.AdvanceHorizon(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at, ok, err := s.Horizon(t.Context()); ok || err != nil {
		t.Errorf("horizon %v, %v while a partition has shown nothing", at, err)
	}
	var wasThere bool
	late, err := s.Acquire(t.Context(), "a", 1, "cluster", func(_ context.Context, met bool) (int64, error) {
		wasThere = met
		return 42, nil
	})
	if err != nil || !wasThere || late.Next != 42 || late.StartOffset != 42 || late.Status != StatusRunning {
		t.Errorf("claim %+v, met %v, %v", late, wasThere, err)
	}
	if _, err := s.Acquire(t.Context(), "a", 2, "cluster", func(_ context.Context, met bool) (int64, error) {
		wasThere = met
		return 0, nil
	}); err != nil || wasThere {
		t.Errorf("a partition that came later counts as met: %v, %v", wasThere, err)
	}
}
