package sink

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// stream commits one event after the other while retention is at work, every tenth into a day that has no partition yet.
type stream struct {
	s       *Store
	claim   Claim
	next    int
	retried int
	longest time.Duration
}

func (st *stream) one(t *testing.T) {
	t.Helper()
	at := noon()
	if st.next%10 == 0 {
		at = at.Add(time.Duration(st.next) * day)
	}
	log := make([]logged, st.next+1)
	log[st.next] = logged{time: noon(), events: []schemas.Event{call(fmt.Sprint("live-", st.next), at)}}
	began := time.Now()
	if out := commit(t, st.s, cut(st.claim, log, st.next, st.next+1))[0]; out.Events.New != 1 {
		t.Fatalf("commit beside retention = %+v", out)
	}
	st.longest = max(st.longest, time.Since(began))
	st.next++
}

// beside runs a pass and commits until it ends.
func (st *stream) beside(t *testing.T, r *Retention) error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := r.Pass(context.Background())
		ended <- err
	}()
	for {
		select {
		case err := <-ended:
			return err
		default:
			st.one(t)
		}
	}
}

// TestReaderInTheWayHoldsUpRetentionAndNobodyElse: a detach waits for a long query of a dashboard. Commits go on, those that
// need a new partition too, and none of them has to be tried again; other queries are answered. The detach is given up after
// a while, which is said, and is ended by a later pass.
func TestReaderInTheWayHoldsUpRetentionAndNobodyElse(t *testing.T) {
	t.Parallel()
	s, claim := oldLedger(t)
	st := &stream{s: s, claim: claim, next: 12}
	s.cfg.Retried = func() { st.retried++ }
	end := reading(t, s)
	var said bytes.Buffer
	first := partitions(t, s)[0]
	r := retentionOf(t, s, RetentionConfig{ReaderWait: 2 * time.Second})
	r.cfg.Logger = slog.New(slog.NewTextHandler(&said, nil))

	way := waits(t, st.beside(t, r))
	t.Logf("longest of %d commits while a detach waits for a reader: %v", st.next-12, st.longest)
	if way.partition != first || len(way.pids) == 0 || way.waited < 2*time.Second {
		t.Errorf("in the way = %+v", way)
	}
	for _, want := range []string{"waits for transactions that began before", "partition=" + first, "waited=2", "pids="} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, said.String())
		}
	}
	if n := pending(t, s); n != 1 {
		t.Errorf("%d partitions pending, want 1", n)
	}

	st.longest = 0
	before := st.next
	waits(t, st.beside(t, r))
	t.Logf("longest of %d commits while a pending detach is being ended: %v", st.next-before, st.longest)
	reading(t, s)() // another query is answered

	end()
	st.longest, before = 0, st.next
	if err := st.beside(t, r); err != nil {
		t.Fatalf("pass without a reader = %v", err)
	}
	t.Logf("longest of %d commits while four partitions go: %v", st.next-before, st.longest)
	if st.retried != 0 {
		t.Errorf("%d commits were tried again", st.retried)
	}
	if got := days(t, s); !strings.Contains(got, keptDays) || strings.Contains(got, "0306") || detached(t, s) != "" || pending(t, s) != 0 {
		t.Errorf("partitions = %s, detached %q", got, detached(t, s))
	}
	sound(t, s)
}

// TestSomeoneInThePartitionItselfIsNotWaitedFor: a detach would wait for them with the ledger locked against new partitions, so
// it is not begun.
func TestSomeoneInThePartitionItselfIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	first := partitions(t, s)[0]
	_, done := locking(t, s, `lock table tracetally.`+first+` in access share mode`)
	r := retentionOf(t, s, RetentionConfig{})
	_, err := r.Pass(t.Context())
	if way := waits(t, err); way.partition != first || len(way.pids) != 1 {
		t.Errorf("in the way = %+v", way)
	}
	if n := pending(t, s); n != 0 {
		t.Errorf("%d partitions pending, want none", n)
	}
	done()
	passed(t, r)
	cleared(t, s)
}
