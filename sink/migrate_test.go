package sink

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
)

func TestMigrateMayRunAgainAndByManyAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	store, err := Open(t.Context(), Config{URL: secret.New(url)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Ready(t.Context()); !errors.Is(err, ErrSchemaVersion) {
		t.Errorf("Ready before migrate = %v, want ErrSchemaVersion", err)
	}
	var g errgroup.Group
	for range 3 {
		g.Go(func() error { return Migrate(t.Context(), Config{URL: secret.New(url)}) })
	}
	if err := g.Wait(); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	if err := Migrate(t.Context(), Config{URL: secret.New(url)}); err != nil {
		t.Fatalf("migrate again: %v", err)
	}
	if err := store.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
}

func TestEveryTableAndColumnSaysWhatItIs(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	const ask = `
select c.relname || coalesce('.' || a.attname, '')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'tracetally'
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and c.relkind in ('r', 'p') and a.attname not like 'latency\_h__'
where c.relkind in ('r', 'p', 'v') and c.relname <> 'schema_migration'
  and (obj_description(c.oid, 'pg_class') is null
    or a.attnum is not null and col_description(c.oid, a.attnum) is null)`
	if missing := column[string](t, s, ask); len(missing) > 0 {
		t.Errorf("without comment: %v", missing)
	}
}

func TestPublicHasNoRights(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	const ask = `
select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'tracetally' and has_function_privilege('public', p.oid, 'execute')
union all
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'tracetally' and c.relkind in ('r', 'p', 'v') and has_table_privilege('public', c.oid, 'select')
union all
select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'tracetally' and not exists (select from unnest(p.proconfig) c where c like 'search_path=%')`
	if open := column[string](t, s, ask); len(open) > 0 {
		t.Errorf("open to public, or without a fixed search_path: %v", open)
	}
}

// TestWorkerDaysBehindTheServersClockDoesNotStart keeps it from setting events of now aside as events of the future.
func TestWorkerDaysBehindTheServersClockDoesNotStart(t *testing.T) {
	t.Parallel()
	behind := 25 * time.Hour
	s := openStore(t, Config{Now: func() time.Time { return time.Now().Add(-behind) }})
	if err := s.Ready(t.Context()); !errors.Is(err, ErrClock) {
		t.Errorf("Ready = %v, want %v", err, ErrClock)
	}
	behind = 23 * time.Hour
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready within a day = %v", err)
	}
}

// TestMigrateGivesUpBehindALongTransaction shows that it says why, and works when it comes again.
func TestMigrateGivesUpBehindALongTransaction(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	migrateAsBefore(t, url)
	if _, err := conn.Exec(t.Context(), `begin; select from tracetally.ledger`); err != nil {
		t.Fatal(err)
	}
	impatient := Config{URL: secret.New(url + "&lock_timeout=100ms")}
	if err := Migrate(t.Context(), impatient); err == nil || !strings.Contains(err.Error(), "pg_stat_activity") {
		t.Fatalf("Migrate beside a long transaction = %v", err)
	}
	if _, err := conn.Exec(t.Context(), `rollback`); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(t.Context(), impatient); err != nil {
		t.Fatal(err)
	}
}
