package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// running starts a committer and returns it with what it reports; it is stopped, and waited for, with the test.
func running(t *testing.T, s *Store, cfg CommitterConfig) (*Committer, chan Commit) {
	t.Helper()
	reports := make(chan Commit, 100)
	cfg.Observe = func(c Commit) { reports <- c }
	c := NewCommitter(s, cfg)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return c, reports
}

// TestReadyPartitionsShareOneTransaction: all partitions submit, and MaxEvents is reached only by all of them together.
func TestReadyPartitionsShareOneTransaction(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	const partitions = 12
	c, reports := running(t, s, CommitterConfig{Interval: time.Hour, MaxEvents: partitions})
	var g errgroup.Group
	for p := range int32(partitions) {
		claim := acquire(t, s, "a", p)
		g.Go(func() error {
			log := []logged{{time: noon(), events: []schemas.Event{call(fmt.Sprint("e", p), noon())}}}
			out, err := c.Submit(t.Context(), cut(claim, log, 0, 1))
			if err == nil && !out.New[0] {
				return fmt.Errorf("partition %d: %+v", p, out)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if r := <-reports; r.Partitions != partitions || r.Events != partitions || r.Fenced != 0 {
		t.Errorf("report = %+v, want one transaction for all", r)
	}
	if n := one[int](t, s, `select count(distinct xmin::text)::int from tracetally.ledger`); n != 1 {
		t.Errorf("%d transactions wrote the ledger, want 1", n)
	}
}

// TestUrgentBatchWaitsForNobody: the interval is an hour, so the test ends only if urgency does.
func TestUrgentBatchWaitsForNobody(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c, _ := running(t, s, CommitterConfig{Interval: time.Hour})
	claim := acquire(t, s, "a", 0)
	if out, err := c.Submit(t.Context(), &Batch{Claim: claim, To: 5, Urgent: true}); err != nil || out.Records.Ignored != 5 {
		t.Errorf("outcome %+v, %v", out, err)
	}
}

// TestSecondBatchOfAPartitionWaitsForTheFirst: both are submitted at once, the later one first in the same group or after.
func TestSecondBatchOfAPartitionWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c, _ := running(t, s, CommitterConfig{Interval: time.Millisecond})
	claim := acquire(t, s, "a", 0)
	old := claim
	claim = acquire(t, s, "a", 0)
	var g errgroup.Group
	var fenced Outcome
	g.Go(func() (err error) {
		fenced, err = c.Submit(t.Context(), &Batch{Claim: old, To: 5})
		return err
	})
	out, err := c.Submit(t.Context(), &Batch{Claim: claim, To: 7})
	if err := errors.Join(err, g.Wait()); err != nil {
		t.Fatal(err)
	}
	if !fenced.Fenced || out.Fenced || out.Records.Ignored != 7 {
		t.Errorf("old owner's outcome = %+v, new owner's = %+v", fenced, out)
	}
}

// TestStopCommitsWhatIsInHand: the context ends while a batch waits for its interval.
func TestStopCommitsWhatIsInHand(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := NewCommitter(s, CommitterConfig{Interval: time.Hour})
	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error { return c.Run(ctx) })
	claim := acquire(t, s, "a", 0)
	sub := &submission{work: newWork(&Batch{Claim: claim, To: 3}), done: make(chan error, 1)}
	c.submit <- sub // taken by Run, which now waits for more
	stop()
	if err := errors.Join(<-sub.done, g.Wait()); err != nil {
		t.Fatal(err)
	}
	if next := one[int64](t, s, `select next_offset from tracetally.progress`); next != 3 {
		t.Errorf("next = %d, want 3", next)
	}
	if _, err := c.Submit(t.Context(), &Batch{Claim: claim, From: 3, To: 4}); !errors.Is(err, ErrStopped) {
		t.Errorf("Submit after the stop = %v, want ErrStopped", err)
	}
}

// TestSubmitReturnsWhenItsContextEnds while nobody commits.
func TestSubmitReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	c := NewCommitter(&Store{}, CommitterConfig{})
	ctx, stop := context.WithCancelCause(t.Context())
	reason := errors.New("enough")
	stop(reason)
	if _, err := c.Submit(ctx, &Batch{To: 1}); !errors.Is(err, reason) {
		t.Errorf("Submit = %v, want the cause", err)
	}
	if _, err := c.Submit(t.Context(), &Batch{}); !errors.Is(err, ErrBadBatch) {
		t.Errorf("Submit of nothing = %v, want ErrBadBatch", err)
	}
}

func TestErrorsAreClassedByTheirCode(t *testing.T) {
	for code, want := range map[string]class{
		"40001": classRetry, "40P01": classRetry, "55P03": classRetry, "57014": classRetry, "25006": classReconnect,
		"57P01": classReconnect, "57P03": classReconnect, "08006": classReconnect, "53100": classReconnect, "22003": classReject,
		"22021": classReject, "23505": classFatal, "23503": classFatal, "42P01": classFatal, "42501": classFatal, "28P01": classReconnect,
		"23514": classPartition, "0A000": classReconnect, "54000": classReject, "55006": classRetry,
	} {
		if got := classify(doing("x", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("class of %s = %d, want %d", code, got, want)
		}
	}
	if got := classify(&pgconn.PgError{Code: "23514", ConstraintName: "ledger_kind"}); got != classFatal {
		t.Errorf("class of a named check = %d, want fatal", got)
	}
	if got := classify(errors.New("unexpected EOF")); got != classReconnect {
		t.Errorf("class of a lost connection = %d, want reconnect", got)
	}
}

func TestErrorsDoNotQuoteValuesOrSecrets(t *testing.T) {
	t.Parallel()
	err := doing("insert", &pgconn.PgError{Code: "23505", Message: "canary", Detail: "canary", Where: "canary", TableName: "series"})
	if got := err.Error(); got != "insert: SQLSTATE 23505, table series" {
		t.Errorf("error = %q", got)
	}
	for _, url := range []string{"postgres://u:canary@[bad/x", "host=x password=canary port=notanumber"} {
		_, openErr := Open(t.Context(), Config{URL: secret.New(url)})
		for _, err := range []error{openErr, Migrate(t.Context(), Config{URL: secret.New(url)})} {
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error = %v", err)
			}
		}
	}
}
