package sink

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/secret"
)

// setReadOnly makes a server refuse writes, as one that was demoted does, or take them again.
func setReadOnly(t *testing.T, super, value string) {
	t.Helper()
	execAdmin(t, super, `alter system set default_transaction_read_only = `+value)
	execAdmin(t, super, `select pg_reload_conf()`)
}

// eventually polls until something holds; the test's own deadline bounds it.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited for a minute")
		}
	}
}

// TestDemotedServerLosesItsConnectionsAndRecoversAlone: fault 9 of the matrix. A connection that met SQLSTATE 25006 is not
// used again, and the batch in hand is committed once when the server takes writes again, without anyone's help.
func TestDemotedServerLosesItsConnectionsAndRecoversAlone(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	super := server.URL("postgres")
	var retried atomic.Int64
	cfg := atNoon()
	cfg.Retried = func() { retried.Add(1) }
	s := openOn(t, cfg, super, server)
	c := acquire(t, s, "a", 0)
	log := append(oneCall("x"), oneCall("y")...)
	commit(t, s, cut(c, log, 0, 1))
	admin, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal("connect as superuser")
	}
	defer func() { _ = admin.Close(context.Background()) }()
	before := pids(t, admin)
	if len(before) == 0 {
		t.Fatal("the store has no connection")
	}
	setReadOnly(t, super, "on")
	eventually(t, func() bool { return writesRefused(t, s) })
	done := make(chan error, 1)
	w := newWork(cut(c, log, 1, 2))
	go func() { done <- s.commitAll(t.Context(), []*work{w}) }()
	eventually(t, func() bool { return retried.Load() >= 2 })
	eventually(t, func() bool { return !anyOf(pids(t, admin), before) })
	if err := s.Ready(t.Context()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Ready = %v, want ErrReadOnly", err)
	}
	setReadOnly(t, super, "off")
	if err := <-done; err != nil || w.outcome.Records.Counted != 1 {
		t.Errorf("commit = %v, %+v", err, w.outcome)
	}
	var calls int64
	if err := admin.QueryRow(t.Context(), `select sum(calls)::bigint from tracetally.calls_1d`).Scan(&calls); err != nil || calls != 2 {
		t.Errorf("calls = %d, %v, want 2", calls, err)
	}
}

// openOn migrates a database of a server of the test's own and opens it as the writer.
func openOn(t *testing.T, cfg Config, super string, server *localpg.Server) *Store {
	t.Helper()
	if err := Migrate(t.Context(), Config{URL: secret.New(super)}); err != nil {
		t.Fatal(err)
	}
	login, err := server.Login(t.Context(), "worker", RoleWriter)
	if err != nil {
		t.Fatal(err)
	}
	cfg.URL = secret.New(login.URL("postgres"))
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// writesRefused tells whether the store's own connections know of it; a reload takes a moment.
func writesRefused(t *testing.T, s *Store) bool {
	t.Helper()
	var readOnly string
	if err := s.pool.QueryRow(t.Context(), `select current_setting('transaction_read_only')`).Scan(&readOnly); err != nil {
		t.Fatal(err)
	}
	return readOnly == "on"
}

func pids(t *testing.T, admin *pgx.Conn) []int32 {
	t.Helper()
	rows, err := admin.Query(t.Context(), `select pid from pg_stat_activity where application_name = 'tracetally'`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func anyOf(all, of []int32) bool {
	return slices.ContainsFunc(of, func(pid int32) bool { return slices.Contains(all, pid) })
}

// TestStoreFollowsTheHostThatTakesWrites has two hosts in its URL; the first is demoted while nothing is committed.
func TestStoreFollowsTheHostThatTakesWrites(t *testing.T) {
	t.Parallel()
	var supers, hosts []string
	for range 2 {
		server, err := localpg.Start(t.Context(), localpg.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = server.Close() }()
		super := server.URL("postgres")
		openOn(t, Config{}, super, server)
		execAdmin(t, super, `alter role worker password 'p'`)
		cfg, err := pgx.ParseConfig(super)
		if err != nil {
			t.Fatal("the URL cannot be read")
		}
		supers, hosts = append(supers, super), append(hosts, cfg.Host+":"+strconv.Itoa(int(cfg.Port)))
	}
	s, err := Open(t.Context(), Config{URL: secret.New("postgres://worker:p@" + hosts[0] + "," + hosts[1] + "/postgres?sslmode=disable")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	on := func() string {
		var port uint16
		if err := s.pool.QueryRow(t.Context(), `select inet_server_port()`).Scan(&port); err != nil {
			t.Fatal(err)
		}
		return "127.0.0.1:" + strconv.Itoa(int(port))
	}
	if err := s.Ready(t.Context()); err != nil || on() != hosts[0] {
		t.Fatalf("Ready = %v, on %s, want the first of %v", err, on(), hosts)
	}
	setReadOnly(t, supers[0], "on")
	eventually(t, func() bool { return errors.Is(s.Ready(t.Context()), ErrReadOnly) || on() == hosts[1] })
	if err := s.Ready(t.Context()); err != nil || on() != hosts[1] {
		t.Errorf("Ready = %v, on %s, want the second of %v", err, on(), hosts)
	}
}
