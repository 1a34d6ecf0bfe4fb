package sink

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tracetally/tracetally/internal/secret"
)

// TestRetentionKilledAtAnyStepIsFinishedByTheNext ends the pass's backend at each named point, at the first and at the third
// partition.
func TestRetentionKilledAtAnyStepIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point string
		after int
	}{{"horizon read", 0}, {"marked", 0}, {"marked", 2}, {"detached", 0}, {"detached", 2}, {"dropping", 0}, {"dropping", 2}} {
		t.Run(fmt.Sprint(c.point, " ", c.after), func(t *testing.T) {
			t.Parallel()
			s, _ := oldLedger(t)
			r := retentionOf(t, s, RetentionConfig{})
			r.at = killAt(t, s, c.point, c.after)
			if state, err := r.Pass(t.Context()); err == nil {
				t.Fatalf("killed pass = %+v, want an error", state)
			}
			sound(t, s)
			passed(t, retentionOf(t, s, RetentionConfig{}))
			cleared(t, s)
		})
	}
}

// TestRetentionKilledInTheMiddleOfADetach leaves it pending, which PostgreSQL does for no other reason; what was pending is
// ended first by the next pass.
func TestRetentionKilledInTheMiddleOfADetach(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	end := reading(t, s)
	failed := make(chan error, 1)
	go func() {
		_, err := retentionOf(t, s, RetentionConfig{}).Pass(context.Background())
		failed <- err
	}()
	awaitRetentionBlocked(t, s)
	killed(t, s)
	if err := <-failed; err == nil {
		t.Error("the killed pass got through")
	}
	if n := pending(t, s); n != 1 {
		t.Fatalf("%d partitions pending, want 1", n)
	}
	end()
	passed(t, retentionOf(t, s, RetentionConfig{}))
	cleared(t, s)
}

// TestServerKilledInTheMiddleOfADetach has a server of its own. What was marked and pending is so after the crash, too.
func TestServerKilledInTheMiddleOfADetach(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	cfg := atNoon()
	cfg.URL = secret.New(server.URL("postgres"))
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	readTwelveDays(t, s)
	r, err := NewRetention(cfg, RetentionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = locking(t, s, `lock table tracetally.ledger in access share mode`) // a reader, until the crash
	failed := make(chan error, 1)
	go func() {
		_, err := r.Pass(context.Background())
		failed <- err
	}()
	awaitRetentionBlocked(t, s)
	if err := server.Crash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("the pass got through")
	}
	if n := pending(t, s); n != 1 {
		t.Errorf("%d partitions pending after the crash, want 1", n)
	}
	passed(t, r)
	cleared(t, s)
}

func pending(t testing.TB, s *Store) int {
	t.Helper()
	return one[int](t, s, `select count(*)::int from pg_inherits where inhparent = 'tracetally.ledger'::regclass and inhdetachpending`)
}

// TestStoppedInTheMiddleOfADetach: the worker is told to stop while a reader is in the way; the statement does not go on
// without it.
func TestStoppedInTheMiddleOfADetach(t *testing.T) {
	t.Parallel()
	s, _ := oldLedger(t)
	end := reading(t, s)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	r := retentionOf(t, s, RetentionConfig{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	awaitRetentionBlocked(t, s)
	stop()
	<-ended
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(column[int32](t, s, retentionPid)) > 0 {
		<-tick.C
	}
	end()
	passed(t, retentionOf(t, s, RetentionConfig{}))
	cleared(t, s)
}
