package sink

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// withUser is a URL of the same database for somebody else, whose password is p.
func withUser(t *testing.T, raw, name string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	u.User = url.UserPassword(name, "p")
	return u.String()
}

// migrateAsBefore makes the schema as programs did that knew no roles: with the login's own rights, up to version 6.
func migrateAsBefore(t *testing.T, raw string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(raw)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	db := stdlib.OpenDB(*cfg)
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `create schema tracetally`); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `
select tracetally.ensure_ledger_day('2026-03-13');
insert into tracetally.progress (topic, partition, start_offset, next_offset, cluster_id) values ('a', 0, 0, 0, 'cluster')`); err != nil {
		t.Fatal(err)
	}
}

// TestSchemaFromBeforeThereWereRolesIsHandedOver upgrades databases that a superuser, and a login that owns the database,
// have made: they end with the owners and rights of a new one.
func TestSchemaFromBeforeThereWereRolesIsHandedOver(t *testing.T) {
	t.Parallel()
	migrated(t) // so that the roles are there, as they are when another pipeline of the server was upgraded
	for _, who := range []string{"superuser", "owner of the database"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			super := pgtest.Database(t)
			login := super
			if who != "superuser" {
				cfg, err := pgx.ParseConfig(super)
				if err != nil {
					t.Fatal("the URL cannot be read")
				}
				execAdmin(t, super, `create role old_owner login password 'p' in role tracetally_owner`)
				execAdmin(t, super, `alter database `+cfg.Database+` owner to old_owner`)
				login = withUser(t, super, "old_owner")
			}
			migrateAsBefore(t, login)
			if err := Migrate(t.Context(), Config{URL: secret.New(login)}); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), Config{URL: secret.New(pgtest.As(t, super, RoleWriter))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			if out := commit(t, s, cut(acquire(t, s, "a", 0), oneCall("x"), 0, 1))[0]; out.Records.Counted != 1 {
				t.Errorf("outcome = %+v", out)
			}
			compareRights(t, s)
		})
	}
}

// TestMigrateSaysWhatToRunUntilItWorks starts as a login that may nothing, on a server that has seen no pipeline, and runs as
// superuser what the errors say. After that the login migrates alone.
func TestMigrateSaysWhatToRunUntilItWorks(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	super := server.URL("postgres")
	login, err := server.Login(t.Context(), "Deploy", "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{URL: secret.New(login.URL("postgres"))}
	for said := 0; ; said++ {
		err := Migrate(t.Context(), cfg)
		if err == nil {
			if said != 3 {
				t.Errorf("%d statements were needed, want roles, membership, schema", said)
			}
			break
		}
		if !errors.Is(err, ErrRoles) || said == 3 || strings.Contains(err.Error(), "\n") {
			t.Fatalf("after %d statements: %v", said, err)
		}
		_, statement, _ := strings.Cut(err.Error(), "run: ")
		execAdmin(t, super, statement)
	}
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Errorf("again: %v", err)
	}
	const owner = `select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'tracetally'`
	s, err := Open(t.Context(), Config{URL: secret.New(super)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := one[string](t, s, owner); got != RoleOwner {
		t.Errorf("owner = %s", got)
	}
	compareRights(t, s)
}

// TestLoginThatMayCreateRolesNeedsNobody: as the first login of a managed server, which is no superuser.
func TestLoginThatMayCreateRolesNeedsNobody(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	super := server.URL("postgres")
	execAdmin(t, super, `create role chief login createrole createdb password 'p'`)
	execAdmin(t, withUser(t, super, "chief"), `create database metrics`)
	url := withUser(t, server.URL("metrics"), "chief")
	if err := Migrate(t.Context(), Config{URL: secret.New(url)}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: secret.New(server.URL("metrics"))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	compareRights(t, s)
}

// TestManyDatabasesOfOneServerMakeTheSameRoles migrates four databases at once, twice each, on a server without roles: no
// lock of PostgreSQL reaches across databases.
func TestManyDatabasesOfOneServerMakeTheSameRoles(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	var g errgroup.Group
	for _, name := range []string{"one", "two", "three", "four"} {
		execAdmin(t, server.URL("postgres"), "create database "+name)
		for range 2 {
			g.Go(func() error { return Migrate(t.Context(), Config{URL: secret.New(server.URL(name))}) })
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// TestMissingRoleAloneIsMadeAnew: a role that someone dropped comes back, without its grants in databases that are migrated.
func TestMissingRoleAloneIsMadeAnew(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	super := server.URL("postgres")
	execAdmin(t, super, `create role tracetally_writer; create role tracetally_retention; create role tracetally_owner`)
	if err := Migrate(t.Context(), Config{URL: secret.New(super)}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: secret.New(super)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	compareRights(t, s)
	if !one[bool](t, s, `select pg_has_role('tracetally_owner', 'tracetally_retention', 'member')`) {
		t.Error("the owner is no member of the retention role")
	}
}

// TestDashboardsSeeNothingBeyondTheContract plants values in every field that holds a raw id and is in no view, and reads
// everything that grafana_ro can read.
func TestDashboardsSeeNothingBeyondTheContract(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	c := acquire(t, s, "a", 0)
	ok, bad := call("ok", noon()), failed(call("bad", noon()), "rate_limit")
	ok.SpanID, ok.SessionID, ok.ParentID, ok.Tool = "canary-span", "canary-session", "canary-parent", "canary-tool"
	ok.TraceID = "canary-trace"
	bad.SessionID, bad.ParentID, bad.Tool = "canary-session", "canary-parent", "canary-tool"
	log := []logged{{time: noon(), events: []schemas.Event{ok}}, {time: noon(), events: []schemas.Event{bad}}}
	commit(t, s, cut(c, log, 0, 2))
	if n := one[int64](t, s, `select count(*) from tracetally.ledger l where l::text like '%canary%'`); n != 2 {
		t.Fatalf("%d rows of the ledger hold canaries, want 2", n)
	}
	execAdmin(t, pgtest.Superuser(t, s.cfg.URL.Reveal()), `analyze`)
	conn, err := pgx.Connect(t.Context(), pgtest.As(t, s.cfg.URL.Reveal(), RoleGrafana))
	if err != nil {
		t.Fatal("connect as grafana_ro")
	}
	defer func() { _ = conn.Close(context.Background()) }()
	views := column[string](t, s, `select 'tracetally.' || relname from pg_class where relnamespace = 'tracetally'::regnamespace and relkind = 'v'`)
	for _, from := range append(views, "pg_stats", "(select * from pg_stat_activity where pid <> pg_backend_pid())", "pg_stat_all_tables", "pg_statio_all_tables") {
		var found int
		if err := conn.QueryRow(t.Context(), `select count(*) from `+from+` v where v::text like '%canary%'`).Scan(&found); err != nil || found > 0 {
			t.Errorf("%s: %d rows with canaries, %v", from, found, err)
		}
	}
	// A condition that fails on a row's value quotes it, if it is asked before the view has left the row out.
	var n int
	if err := conn.QueryRow(t.Context(), `select count(*) from tracetally.failures where span_id::int = 1`).Scan(&n); err != nil {
		t.Errorf("a condition saw rows that are no failures: %v", err)
	}
}
