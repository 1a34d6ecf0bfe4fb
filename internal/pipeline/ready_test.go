package pipeline

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// readyz is the status and the text of /readyz.
func (w *running) readyz() (int, string) {
	w.t.Helper()
	res, err := http.Get("http://" + w.metrics + "/readyz")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// answers waits for /readyz to say just that.
func (w *running) answers(status int, body string) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; {
		gotStatus, got := w.readyz()
		if gotStatus == status && got == body {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("/readyz stays at %d %q, want %d %q", gotStatus, got, status, body)
		}
		pause(w.t.Context(), 20*time.Millisecond)
	}
}

// What /readyz answers when one thing is missing.
const (
	lacksSchema   = "not ready\nmissing: schema matches\n"
	lacksPostgres = "not ready\nmissing: PostgreSQL writable\n"
	lacksKafka    = "not ready\nmissing: group joined\nmissing: Kafka reachable\n"
)

func TestReadyOnlyWhileTheGroupHasLetTheWorkerIn(t *testing.T) {
	t.Parallel()
	const topic = "joined"
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 3)
	r.kafka.Stop()
	cfg := r.config(topic)
	cfg.Kafka.SessionTimeout, cfg.Kafka.RebalanceTimeout = 6*time.Second, time.Second // brokers refuse a shorter session
	w := r.start(cfg)
	w.answers(http.StatusServiceUnavailable, lacksKafka)
	if err := r.kafka.Restart(); err != nil {
		t.Fatal(err)
	}
	w.answers(http.StatusOK, "ready\n")
	r.kafka.Stop()
	w.answers(http.StatusServiceUnavailable, lacksKafka)
	if err := r.kafka.Restart(); err != nil {
		t.Fatal(err)
	}
	w.answers(http.StatusOK, "ready\n")
	w.close()
}

func TestNotReadyWhilePostgresTakesNoWrites(t *testing.T) {
	t.Parallel()
	const topic = "readonly"
	r := newRig(t, map[string]int32{topic: 1})
	w := r.start(r.config(topic))
	w.answers(http.StatusOK, "ready\n")
	r.eachNewConnection("on")
	w.answers(http.StatusServiceUnavailable, lacksPostgres)
	r.eachNewConnection("off")
	w.answers(http.StatusOK, "ready\n")
	w.close()
}

// eachNewConnection makes the database read-only or not, and breaks the connections that do not know it yet.
func (r *rig) eachNewConnection(readOnly string) {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.super)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close(r.t.Context())
	for _, statement := range []string{
		`set default_transaction_read_only = off`,
		`do $$ begin execute format('alter database %I set default_transaction_read_only = ` + readOnly + `', current_database()); end $$`,
		`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
	} {
		if _, err := conn.Exec(r.t.Context(), statement); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestNotReadyWithTablesOfAnotherVersion(t *testing.T) {
	t.Parallel()
	const topic = "version"
	r := newRig(t, map[string]int32{topic: 1})
	w := r.start(r.config(topic))
	w.answers(http.StatusOK, "ready\n")
	if _, err := r.db.Exec(t.Context(), `insert into tracetally.schema_migration (version_id, is_applied) values (9999, true)`); err != nil {
		t.Fatal(err)
	}
	w.answers(http.StatusServiceUnavailable, lacksSchema)
	if _, err := r.db.Exec(t.Context(), `delete from tracetally.schema_migration where version_id = 9999`); err != nil {
		t.Fatal(err)
	}
	w.answers(http.StatusOK, "ready\n")
	w.close()
}

func TestAHaltedPartitionShowsAndLeavesTheWorkerReady(t *testing.T) {
	t.Parallel()
	const topic = "halted"
	r := newRig(t, map[string]int32{topic: 2})
	r.calls(topic, 0, 0, 3)
	cfg := r.config(topic)
	r.readUpTo(cfg, topic, 3)
	r.calls(topic, 0, 3, 3)
	r.trim(topic, 5)
	cfg.HaltOnGap = true
	w := r.start(cfg)
	for end := time.Now().Add(patience); !strings.Contains(w.scrape(),
		`tracetally_partition_status{partition="0",status="log_trimmed",topic="halted"} 1`); {
		if time.Now().After(end) {
			t.Fatal("the halt does not show")
		}
		pause(t.Context(), 20*time.Millisecond)
	}
	r.calls(topic, 1, 10, 2)
	r.until("2", `select counted from tracetally.partition_progress where topic = $1 and partition = 1`, topic)
	w.answers(http.StatusOK, "ready\n")
	w.close()
}

func TestARebalanceIsNoTroubleAndALostGroupIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := &membership{now: func() time.Time { return now }, grace: 40 * time.Second}
	in := func(want bool) {
		t.Helper()
		if err := m.missing(); (err == nil) != want {
			t.Errorf("missing = %v, want in the group: %v", err, want)
		}
	}
	in(false)
	m.joined(false)
	in(false)
	m.joined(true)
	now = now.Add(time.Hour)
	in(true)
	m.joined(false)
	now = now.Add(40 * time.Second)
	m.joined(false) // said twice, it does not begin anew
	in(true)
	now = now.Add(time.Second)
	in(false)
	m.joined(true)
	in(true)
}
