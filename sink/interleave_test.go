package sink

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// halfway runs a commit up to just before its COMMIT and hands back the open transaction: the worst place to be met in.
func halfway(t *testing.T, s *Store, b *Batch) pgx.Tx {
	t.Helper()
	works := []*work{newWork(b)}
	if err := s.ensureDays(t.Context(), works); err != nil {
		t.Fatal(err)
	}
	if err := s.resolveSeries(t.Context(), works); err != nil {
		t.Fatal(err)
	}
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	horizon, settled, err := s.lock(t.Context(), tx, works)
	if err != nil || settled {
		t.Fatalf("lock: settled %v, %v", settled, err)
	}
	if err := decide(t.Context(), tx, works, horizon); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t.Context(), tx, works); err != nil {
		t.Fatal(err)
	}
	return tx
}

// awaitBlocked returns when a session of the store waits for a lock: the only sign that PostgreSQL gives of it.
func awaitBlocked(t *testing.T, s *Store) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		const ask = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
		if one[int](t, s, ask) > 0 {
			return
		}
	}
}

func oneCall(id string) []logged {
	return []logged{{time: noon(), events: []schemas.Event{call(id, noon())}}}
}

func TestAcquireWaitsForACommitAndSeesIt(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	tx := halfway(t, s, cut(acquire(t, s, "a", 0), oneCall("x"), 0, 1))
	var g errgroup.Group
	var next Claim
	g.Go(func() (err error) {
		next, err = s.Acquire(t.Context(), "a", 0, "cluster", startAt(0))
		return err
	})
	awaitBlocked(t, s)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil || next.Next != 1 {
		t.Errorf("acquired at %d, %v, want 1", next.Next, err)
	}
}

// TestOldOwnerBehindAnAcquireIsFenced: its commit begins while the acquire is not committed yet, waits, and is judged by
// what it finds then.
func TestOldOwnerBehindAnAcquireIsFenced(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	b := cut(acquire(t, s, "a", 0), oneCall("x"), 0, 1)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const steal = `update tracetally.progress set owner_token = gen_random_uuid(), epoch = epoch + 1`
	if _, err := tx.Exec(t.Context(), steal); err != nil {
		t.Fatal(err)
	}
	w := newWork(b)
	var g errgroup.Group
	g.Go(func() error { return s.commitAll(t.Context(), []*work{w}) })
	awaitBlocked(t, s)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil || !w.outcome.Fenced {
		t.Errorf("outcome = %+v, %v, want fenced", w.outcome, err)
	}
	if n := one[int64](t, s, `select count(*) from tracetally.ledger`); n != 0 {
		t.Errorf("%d rows in the ledger, want none", n)
	}
}

// TestTwinInAnOpenTransactionIsWaitedFor: whether the second copy counts depends on what becomes of the first.
func TestTwinInAnOpenTransactionIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, commits := range map[string]bool{"commits": true, "rolls back": false} {
		t.Run("which "+name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, atNoon())
			tx := halfway(t, s, cut(acquire(t, s, "a", 0), oneCall("x"), 0, 1))
			w := newWork(cut(acquire(t, s, "b", 0), oneCall("x"), 0, 1))
			var g errgroup.Group
			g.Go(func() error { return s.commitAll(t.Context(), []*work{w}) })
			awaitBlocked(t, s)
			end := tx.Rollback
			if commits {
				end = tx.Commit
			}
			if err := end(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := g.Wait(); err != nil || w.outcome.New[0] == commits {
				t.Errorf("outcome = %+v, %v", w.outcome, err)
			}
			if n := one[int64](t, s, `select sum(calls)::bigint from tracetally.calls_1m`); n != 1 {
				t.Errorf("calls = %d, want 1", n)
			}
		})
	}
}

// TestHorizonThatMovedMakesEventsLate: retention moved it and took the partition since the worker last looked.
func TestHorizonThatMovedMakesEventsLate(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	log := append(oneCall("x"), oneCall("y")...)
	commit(t, s, cut(c, log, 0, 1))
	exec(t, s, `update tracetally.horizon set ts = '2026-03-15'`)
	exec(t, s, `drop table tracetally.ledger_20260314`)
	if out := commit(t, s, cut(c, log, 1, 2))[0]; out.Records.Late != 1 || out.New[0] {
		t.Errorf("outcome = %+v, want late", out)
	}
	const there = `select to_regclass('tracetally.ledger_20260314') is not null`
	if one[bool](t, s, there) {
		t.Error("a partition before the horizon was made again")
	}
}

// TestCrashAndDemotionOfTheServerLoseNothing has a server of its own: it is killed, and then made read-only, while a
// committer works.
func TestCrashAndDemotionOfTheServerLoseNothing(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	url := server.URL("postgres")
	cfg := atNoon()
	cfg.URL = secret.New(url)
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const records = 60
	var log []logged
	for i := range records {
		log = append(log, oneCall(string(rune('A'+i)))...)
	}
	c := acquire(t, s, "a", 0)
	var g errgroup.Group
	reached := make(chan int, records)
	g.Go(func() error {
		defer close(reached)
		for at := range records {
			w := newWork(cut(c, log, at, at+1))
			if err := s.commitAll(t.Context(), []*work{w}); err != nil {
				return err
			}
			reached <- at
		}
		return nil
	})
	for at := range reached {
		switch at {
		case 10:
			if err := server.Crash(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 30:
			demote(t, s, url)
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	all, err := s.Accounting(t.Context())
	if err != nil || len(all) != 1 || all[0].Next != records || all[0].Records.Counted != records {
		t.Errorf("accounting = %+v, %v, want %d counted", all, err, records)
	}
	if n := one[int64](t, s, `select sum(calls)::bigint from tracetally.calls_1d`); n != records {
		t.Errorf("calls = %d, want %d", n, records)
	}
}

// demote makes the server read-only for all sessions, sees that the store says so, and takes it back.
func demote(t *testing.T, s *Store, url string) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }()
	for _, set := range []string{"on", "off"} {
		if _, err := admin.Exec(t.Context(), `alter system set default_transaction_read_only = `+set); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Exec(t.Context(), `select pg_reload_conf()`); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(5 * time.Millisecond)
		for range tick.C {
			// The store's clock stands at noon of another day, so it is never ready altogether.
			if errors.Is(s.Ready(t.Context()), ErrReadOnly) == (set == "on") {
				break
			}
		}
		tick.Stop()
	}
}
