package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

func TestLostAnswerToCommitCountsOnce(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "after"} {
		t.Run("the connection is cut "+when+" the server commits", func(t *testing.T) {
			t.Parallel()
			direct := openStore(t, atNoon())
			l := &lossy{armed: when}
			cfg := atNoon()
			cfg.URL = secret.New(l.through(t, direct.cfg.URL.Reveal()))
			s, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			log := randomLog(rand.New(rand.NewPCG(5, 5)), "x", 30)
			out := commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 30))[0]
			if !l.fired() {
				t.Fatal("no connection was cut")
			}
			clean := openStore(t, atNoon())
			want := commit(t, clean, cut(acquire(t, clean, "a", 0), log, 0, 30))[0]
			if out.Fenced || out.Records != want.Records || out.Events != want.Events || fmt.Sprint(out.New) != fmt.Sprint(want.New) {
				t.Errorf("outcome = %+v, want %+v", out, want)
			}
			sameTables(t, dump(t, direct), dump(t, clean))
		})
	}
}

// TestLostAnswerAndNewOwner: the commit happened, its answer was lost, and before the worker asks again someone else has
// committed more. The worker cannot know any more; it counts nothing, and the tables are right.
func TestLostAnswerAndNewOwner(t *testing.T) {
	t.Parallel()
	direct := openStore(t, atNoon())
	log := []logged{
		{time: noon(), events: []schemas.Event{call("a", noon())}}, {time: noon(), events: []schemas.Event{call("b", noon())}},
	}
	var stolen []Outcome
	l := &lossy{armed: "after"}
	l.meet = func() { stolen = commit(t, direct, cut(acquire(t, direct, "a", 0), log, 1, 2)) }
	cfg := atNoon()
	cfg.URL = secret.New(l.through(t, direct.cfg.URL.Reveal()))
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := commit(t, s, cut(acquire(t, s, "a", 0), log, 0, 1))[0]
	if !out.Fenced || out.New[0] {
		t.Errorf("outcome = %+v, want fenced", out)
	}
	if stolen[0].Records.Counted != 1 {
		t.Errorf("the new owner's outcome = %+v", stolen[0])
	}
	if n := one[int64](t, direct, "select sum(calls)::bigint from tracetally.calls_1h"); n != 2 {
		t.Errorf("calls = %d, want 2", n)
	}
}

// TestKilledBackendsAreRetried ends every session of the store ten times while it commits.
func TestKilledBackendsAreRetried(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	admin := admin(t, s)
	defer func() { _ = admin.Close(context.Background()) }()
	c := acquire(t, s, "a", 0)
	log := randomLog(rand.New(rand.NewPCG(6, 6)), "x", 120)
	stop := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range 10 {
			select {
			case <-stop:
				return nil
			case <-tick.C:
			}
			const kill = `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and pid <> pg_backend_pid() and application_name = 'tracetally'`
			if _, err := admin.Exec(t.Context(), kill); err != nil {
				return err
			}
		}
		return nil
	})
	for at := 0; at < len(log); at += 10 {
		if out := commit(t, s, cut(c, log, at, at+10))[0]; out.Fenced || out.Records.Sum() != 10 {
			t.Errorf("outcome at %d = %+v", at, out)
		}
	}
	close(stop)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	clean := openStore(t, atNoon())
	commit(t, clean, cut(acquire(t, clean, "a", 0), log, 0, len(log)))
	s.pool.Reset() // what looks at the tables now does not try again
	sameTables(t, dump(t, s), dump(t, clean))
}

// TestRefusedRecordIsQuarantinedAlone: a cost with more decimals than numeric can hold. Nothing else of the transaction is
// lost, in its own batch or in another.
func TestRefusedRecordIsQuarantinedAlone(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	var log, good []logged
	for i := range 13 {
		log = append(log, logged{time: noon(), events: []schemas.Event{call(fmt.Sprint("a", i), noon())}})
		good = append(good, logged{time: noon(), events: []schemas.Event{call(fmt.Sprint("b", i), noon())}})
	}
	log[3] = logged{time: noon(), reject: schemas.Malformed}
	log[4] = logged{}
	log[5].events[0] = failed(log[5].events[0], "rate_limit")
	poison := call("poison", noon())
	poison.CostUSD = schemas.Some(schemas.NewDecimal(1, 20_000))
	log[7].events = append(log[7].events, poison) // of two events one is bad: all or none
	a, b := acquire(t, s, "a", 0), acquire(t, s, "b", 0)
	out := commit(t, s, cut(a, log, 0, 13), cut(b, good, 0, 13))
	if want := (RecordCounts{Counted: 10, Quarantined: 2, Ignored: 1}); out[0].Records != want || out[0].Events.New != 10 {
		t.Errorf("outcome = %+v %+v, want %+v", out[0].Records, out[0].Events, want)
	}
	for i, isNew := range out[0].New {
		id := cut(a, log, 0, 13).at(i).id
		if isNew == (id == eventID("poison") || id == eventID("a7")) {
			t.Errorf("event %d: new = %v", i, isNew)
		}
	}
	if out[1].Records.Counted != 13 {
		t.Errorf("the other partition's outcome = %+v", out[1])
	}
	const ask = `select topic || from_offset || reason from tracetally.quarantine order by from_offset`
	if got := column[string](t, s, ask); fmt.Sprint(got) != "[a3malformed a7database_rejected]" {
		t.Errorf("quarantine = %v", got)
	}
	if next := one[int64](t, s, `select next_offset from tracetally.progress where topic = 'a' and anchor_offset = 12`); next != 13 {
		t.Errorf("next = %d", next)
	}
	checkRollups(t, s)
}

// TestRecordRefusedForItsDimensionIsQuarantinedAlone: a value that no index can hold. The series of a batch are asked for
// before its transaction, and once the record is known its series must not be asked for again.
func TestRecordRefusedForItsDimensionIsQuarantinedAlone(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	long, r := make([]byte, 8192), rand.New(rand.NewPCG(1, 2)) // what PostgreSQL cannot compress
	for i := range long {
		long[i] = byte('!' + r.IntN(90))
	}
	for name, field := range map[string]func(*schemas.Event) *string{
		"model": func(e *schemas.Event) *string { return &e.Model },
		"step":  func(e *schemas.Event) *string { return &e.Step },
	} {
		var log []logged
		for i := range 5 {
			e := failed(call(fmt.Sprint(name, i), noon()), "rate_limit")
			if i == 3 {
				*field(&e) = string(long)
			}
			log = append(log, logged{time: noon(), events: []schemas.Event{e}})
		}
		out := commit(t, s, cut(acquire(t, s, name, 0), log, 0, 5))[0]
		if want := (RecordCounts{Counted: 4, Quarantined: 1}); out.Records != want || out.New[3] {
			t.Errorf("%s: outcome = %+v, new %v, want %+v", name, out.Records, out.New, want)
		}
	}
	checkRollups(t, s)
}

func TestViolatedConstraintStopsTheWorkerAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	exec(t, s, `alter table tracetally.ledger add constraint no_secret check (session_id <> 'secret')`)
	c := acquire(t, s, "a", 0)
	e := call("a", noon())
	e.SessionID = "secret"
	b := cut(c, []logged{{time: noon(), events: []schemas.Event{e}}}, 0, 1)
	committer := NewCommitter(s, CommitterConfig{Interval: time.Millisecond})
	ran := make(chan error, 1)
	go func() { ran <- committer.Run(t.Context()) }()
	_, err := committer.Submit(t.Context(), b)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23514" || !errors.Is(err, ErrInvariant) {
		t.Errorf("Submit = %v, want ErrInvariant, SQLSTATE 23514", err)
	}
	if strings.Contains(err.Error(), "secret'") || !strings.Contains(err.Error(), "no_secret") {
		t.Errorf("the error names values, or not the constraint: %v", err)
	}
	if err := <-ran; err == nil {
		t.Error("Run went on")
	}
	if _, err := committer.Submit(t.Context(), b); !errors.Is(err, ErrStopped) {
		t.Errorf("Submit after the end = %v, want ErrStopped", err)
	}
	if n := one[int64](t, s, `select next_offset from tracetally.progress`); n != 0 {
		t.Errorf("next = %d, want 0", n)
	}
}

func TestClashOfSeriesStopsTheWorker(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	commit(t, s, cut(c, []logged{{time: noon(), events: []schemas.Event{call("a", noon())}}}, 0, 1))
	exec(t, s, `update tracetally.series set model = 'another'`)
	w := newWork((&Batch{Claim: c, From: 1, To: 2}).add(1, call("b", noon())))
	if err := s.commitAll(t.Context(), []*work{w}); !errors.Is(err, ErrInvariant) {
		t.Errorf("commit = %v, want ErrInvariant", err)
	}
}

// TestDroppedPartitionIsMadeAgain: the worker remembers a day whose partition retention has taken away since.
func TestDroppedPartitionIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	log := []logged{
		{time: noon(), events: []schemas.Event{call("a", noon())}}, {time: noon(), events: []schemas.Event{call("b", noon())}},
	}
	commit(t, s, cut(c, log, 0, 1))
	exec(t, s, `drop table tracetally.ledger_20260314`)
	if out := commit(t, s, cut(c, log, 1, 2))[0]; out.Records.Counted != 1 {
		t.Errorf("outcome = %+v", out)
	}
}

// TestWorkersThatShareEveryRollupRowNeverDeadlock: four workers add to the same 300 rows of each tier, again and again.
func TestWorkersThatShareEveryRollupRowNeverDeadlock(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	var g errgroup.Group
	for p := range int32(4) {
		c := acquire(t, s, "a", p)
		g.Go(func() error {
			for n := range 8 {
				var log []logged
				for i := range 300 {
					// No failures: their error group, one row for all, would let the workers pass one by one.
					e := call(fmt.Sprint(p, "-", n, "-", i), noon().Add(-time.Duration(i)*time.Minute))
					e.Model = fmt.Sprint("m", i%7)
					log = append(log, logged{time: noon(), events: []schemas.Event{e}})
				}
				b := cut(c, log, 0, len(log))
				b.From, b.To, b.Records = int64(n*300), int64((n+1)*300), shifted(b.Records, int64(n*300))
				w := newWork(b)
				if err := s.commitAll(t.Context(), []*work{w}); err != nil || w.outcome.Fenced {
					return fmt.Errorf("partition %d: fenced %v, %v", p, w.outcome.Fenced, err) //nolint:errorlint // err may be nil
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	noDeadlocks(t, s)
	if n := one[int64](t, s, `select sum(calls)::bigint from tracetally.calls_1m`); n != 4*8*300 {
		t.Errorf("calls = %d, want %d", n, 4*8*300)
	}
}

// noDeadlocks reads PostgreSQL's own count; its statistics are a moment late, so they are flushed first.
func noDeadlocks(t *testing.T, s *Store) {
	t.Helper()
	exec(t, s, `select pg_stat_force_next_flush()`)
	if n := one[int64](t, s, `select deadlocks from pg_stat_database where datname = current_database()`); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// TestCommittersSideBySideNeverDeadlock: two workers write the same rollup rows and each other's duplicates.
func TestCommittersSideBySideNeverDeadlock(t *testing.T) {
	t.Parallel()
	a := openStore(t, atNoon())
	b, err := Open(t.Context(), a.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	log := randomLog(rand.New(rand.NewPCG(7, 7)), "x", 300)
	var g errgroup.Group
	for n, s := range []*Store{a, b} {
		c := acquire(t, s, "a", int32(n))
		g.Go(func() error {
			for at := 0; at < len(log); at += 20 {
				from := at
				if n == 1 {
					from = len(log) - 20 - at // the other way round
				}
				batch := cut(c, log, from, from+20)
				shift := int64(at - from)
				batch.From, batch.To, batch.Records = batch.From+shift, batch.To+shift, shifted(batch.Records, shift)
				batch.Quarantined, batch.Gaps = nil, nil
				if err := s.commitAll(t.Context(), []*work{newWork(batch)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	noDeadlocks(t, a)
	const sums = `select (select sum(events_new) from tracetally.progress) = (select count(*) from tracetally.ledger)`
	if !one[bool](t, a, sums) {
		t.Error("new events and rows of the ledger differ")
	}
	checkRollups(t, a)
}

func shifted(records []RecordEvents, by int64) []RecordEvents {
	out := make([]RecordEvents, len(records))
	for i, r := range records {
		out[i] = RecordEvents{Offset: r.Offset + by, First: r.First, N: r.N}
	}
	return out
}

func exec(t *testing.T, s *Store, sql string) {
	t.Helper()
	conn := admin(t, s)
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
