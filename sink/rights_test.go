package sink

import (
	"context"
	_ "embed"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// rightsList is who owns and who may do what in the schema, in full. Whoever adds an object or a right adds it here, by hand.
//
//go:embed testdata/rights.txt
var rightsList string

// askRights is the same from the catalogues. What belongs to tracetally_owner, and what an owner may do, is not listed. A
// partition of the ledger stands for all of them.
const askRights = `
with object as (
    select c.oid, 'pg_class' as class, c.relowner as owner, c.relacl as acl,
           case when i.inhrelid is not null then 'partitions of ledger'
                else case c.relkind when 'v' then 'view ' when 'S' then 'sequence ' else 'table ' end || c.relname end as name,
           c.reloptions as options
    from pg_class c
    left join pg_inherits i on i.inhrelid = c.oid
    where c.relnamespace = 'tracetally'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select t.oid, 'pg_type', t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), 'type ' || t.typname, null
    from pg_type t
    left join pg_class c on c.oid = t.typrelid
    where t.typnamespace = 'tracetally'::regnamespace and coalesce(c.relkind, 'c') = 'c' and t.typelem = 0
    union all
    select p.oid, 'pg_proc', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), 'function ' || p.proname,
           case when p.prosecdef then '{security definer}'::text[] end
    from pg_proc p
    where p.pronamespace = 'tracetally'::regnamespace
    union all
    select n.oid, 'pg_namespace', n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), 'schema ' || n.nspname, null
    from pg_namespace n
    where n.nspname = 'tracetally'
), granted as (
    select o.name, a.grantee, lower(a.privilege_type) as privilege, a.is_grantable, null as columns
    from object o, aclexplode(o.acl) a
    where a.grantee <> o.owner
    union all
    select o.name, a.grantee, lower(a.privilege_type), a.is_grantable, string_agg(c.attname, ', ' order by c.attnum)
    from object o
    join pg_attribute c on c.attrelid = o.oid and o.class = 'pg_class' and c.attacl is not null, aclexplode(c.attacl) a
    where a.grantee <> o.owner
    group by o.name, a.grantee, a.privilege_type, a.is_grantable
)
select distinct line from (
    select name || ' is owned by ' || pg_get_userbyid(owner) as line from object where pg_get_userbyid(owner) <> 'tracetally_owner'
    union all
    select name || ' has ' || array_to_string(options, ', ') from object
    where options is not null and not name like 'table %' and not name like 'partitions %'
    union all
    select case grantee when 0 then 'public' else pg_get_userbyid(grantee) end || ' may ' ||
           string_agg(privilege || coalesce(' (' || columns || ')', '') || case when is_grantable then ' with grant option' else '' end,
                      ', ' order by privilege) || ' on ' || name
    from granted
    group by name, grantee
) x
order by line`

func TestOwnersAndRightsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	compareRights(t, openStore(t, Config{}))
}

// compareRights makes a partition of the ledger first, as the worker, because it must belong to the role that can drop it.
func compareRights(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), `select tracetally.ensure_ledger_day('2026-03-14')`); err != nil {
		t.Fatal(err)
	}
	got := column[string](t, s, askRights)
	var want []string
	for line := range strings.Lines(rightsList) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			want = append(want, line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not on the list: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("on the list only: %s", line)
		}
	}
}

func TestRolesAreForGroupsAndHaveNoPowers(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	const ask = `
select rolname::text from pg_roles
where rolname = any ($1)
  and not (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
order by 1`
	if got := column[string](t, s, ask, []string{RoleOwner, RoleRetention, RoleWriter, RoleGrafana}); len(got) != 4 {
		t.Errorf("harmless roles: %v, want all four", got)
	}
	const settings = `select unnest(setconfig) from pg_db_role_setting where setrole = 'grafana_ro'::regrole and setdatabase = 0 order by 1`
	if got := strings.Join(column[string](t, s, settings), " "); got != "default_transaction_read_only=on statement_timeout=30s" {
		t.Errorf("settings of grafana_ro: %s", got)
	}
}

// run runs a statement as a login that is a member of one role, and undoes it.
func run(t *testing.T, url, sql string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal("connect")
	}
	defer func() { _ = conn.Close(context.Background()) }()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), sql)
	return err
}

func TestEachRoleMayDoItsOwnAndNothingElse(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	url := s.cfg.URL.Reveal()
	commit(t, s, cut(acquire(t, s, "a", 0), oneCall("x"), 0, 1))
	if _, err := s.pool.Exec(t.Context(), `select tracetally.ensure_ledger_day('2026-03-14')`); err != nil {
		t.Fatal(err)
	}
	partition := one[string](t, s, `select 'tracetally.' || relname from pg_inherits join pg_class on oid = inhrelid where inhparent = 'tracetally.ledger'::regclass`)
	anyone := []string{ // what none of the three may
		`drop table tracetally.progress`, `drop view tracetally.failures`, `drop schema tracetally cascade`,
		`alter table tracetally.series add column x int`, `alter function tracetally.admit owner to current_user`,
		`truncate tracetally.progress`, `delete from tracetally.progress`, `delete from tracetally.rollup_calls_1d`,
		`delete from tracetally.series`, `update tracetally.progress set topic = 'other'`, `update tracetally.horizon set ts = now()`,
		`update tracetally.horizon set ts = null`, `insert into tracetally.schema_migration (version_id, is_applied) values (99, true)`,
		`create function tracetally.admit(text, text[], bigint) returns int language sql as 'select 1' /* by a stranger */`,
		`set role tracetally_owner`, `set session_replication_role = replica`,
		`select rolpassword from pg_authid`, `select pg_read_file('/etc/passwd')`, `copy (select 1) to program 'true'`,
		`create role other`, `create extension dblink`,
		`create table public.own (n int)`, `insert into tracetally.dimension_value values ('model', 'x')`,
	}
	tests := map[string]struct{ may, mayNot []string }{
		RoleWriter: {
			may: []string{
				`select * from tracetally.progress for update`, `select tracetally.admit('model', '{a}', 10)`,
				`select tracetally.advance_horizon('7 days', now())`, `select tracetally.ensure_ledger_day(current_date + 3)`,
				`select time, event_id, content_hash from tracetally.ledger`,
			},
			mayNot: append([]string{
				`create table tracetally.own (n int)`, `truncate tracetally.ledger`, `delete from tracetally.ledger`,
				`update tracetally.ledger set cost_usd = 0`, `select session_id from tracetally.ledger`, `select * from tracetally.ledger`,
				`select * from ` + partition, `drop table ` + partition, `alter table tracetally.ledger detach partition ` + partition,
				`update tracetally.series set model = 'x'`, `update tracetally.quarantined set reason = 'x'`,
				`delete from tracetally.quarantined`, `delete from tracetally.gap`, `delete from tracetally.error_group`,
				`update tracetally.progress set cluster_id = 'x'`, `update tracetally.progress set incarnation = 2`,
				`select * from tracetally.dimension_value`, `select * from tracetally.failures`, `set role tracetally_retention`,
			}, anyone...),
		},
		RoleRetention: {
			may: []string{
				`select * from tracetally.horizon`, `select * from tracetally.partition_progress`,
				`select tracetally.advance_horizon('7 days', now())`, `select tracetally.ensure_ledger_day(current_date + 3)`,
				`alter table tracetally.ledger detach partition ` + partition + `; drop table ` + partition,
			},
			mayNot: append([]string{
				`insert into tracetally.rollup_calls_1m (time) values (now())`, `update tracetally.rollup_calls_1m set calls = 0`,
				`select * from tracetally.rollup_calls_1m`, `update tracetally.progress set next_offset = 0`,
				`insert into tracetally.progress (topic) values ('x')`, `select * from tracetally.error_group`,
				`select * from tracetally.failures`, `select tracetally.admit('model', '{a}', 10)`, `set role tracetally_writer`,
			}, slices.DeleteFunc(slices.Clone(anyone), func(sql string) bool { return strings.Contains(sql, "by a stranger") })...),
		},
		RoleGrafana: {
			may: []string{`select tracetally.quantile(0.5, array[1, 2])`},
			mayNot: append([]string{
				`create table tracetally.own (n int)`, `select tracetally.admit('model', '{a}', 10)`,
				`select tracetally.advance_horizon('7 days', now())`, `select tracetally.ensure_ledger_day(current_date + 3)`,
				`insert into tracetally.error_groups (fingerprint) values ('x')`, `update tracetally.partition_progress set status = 'x'`,
				`set role tracetally_writer`,
			}, anyone...),
		},
	}
	const relations = `select 'tracetally.' || relname from pg_class where relnamespace = 'tracetally'::regnamespace and relkind = any ($1::"char"[])`
	grafana := tests[RoleGrafana]
	for _, name := range column[string](t, s, relations, []string{"r", "p"}) {
		grafana.mayNot = append(grafana.mayNot, `select * from `+name)
	}
	for _, name := range column[string](t, s, relations, []string{"v"}) {
		grafana.may = append(grafana.may, `select * from `+name)
	}
	tests[RoleGrafana] = grafana
	for role, tt := range tests {
		login := pgtest.As(t, url, role)
		for _, sql := range tt.may {
			if err := run(t, login, sql); err != nil {
				t.Errorf("%s may not %s: %v", role, sql, err)
			}
		}
		for _, sql := range tt.mayNot {
			if err := run(t, login, sql); !denied(err) {
				t.Errorf("%s: %s = %v, want a missing right", role, sql, err)
			}
		}
	}
}

// TestWorkerSaysWhichRightsItLacks gives a login its rights one after the other, by running what Ready says.
func TestWorkerSaysWhichRightsItLacks(t *testing.T) {
	t.Parallel()
	super := migrated(t)
	execAdmin(t, super, `create role "Odd login" login password 'p'`)
	execAdmin(t, super, `revoke insert on tracetally.gap, tracetally.ledger from tracetally_writer`)
	u := withUser(t, super, "Odd login")
	s, err := Open(t.Context(), Config{URL: secret.New(u)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for said := 0; ; said++ {
		err := s.Ready(t.Context())
		if err == nil && said == 3 {
			return
		}
		if !errors.Is(err, ErrRights) || said == 3 || strings.Contains(err.Error(), "\n") {
			t.Fatalf("after %d statements Ready = %v", said, err)
		}
		_, statement, _ := strings.Cut(err.Error(), "run: ")
		execAdmin(t, super, statement)
	}
}

// TestReaderHoldsUpNoCommit takes, as a dashboard's login, every advisory lock that functions of ours ever took.
func TestReaderHoldsUpNoCommit(t *testing.T) {
	t.Parallel()
	s := openStore(t, atNoon())
	reader, err := pgx.Connect(t.Context(), pgtest.As(t, s.cfg.URL.Reveal(), RoleGrafana))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.Background())
	const hold = `
select pg_advisory_lock(hashtextextended(name, 0))
from unnest(array['tracetally.ledger', 'tracetally.schema', 'tracetally.dimension.model', 'tracetally.dimension.provider']) name`
	if _, err := reader.Exec(t.Context(), hold); err != nil {
		t.Fatal(err)
	}
	b := cut(acquire(t, s, "calls", 0), []logged{{time: noon(), events: []schemas.Event{call("a", noon())}}}, 0, 1)
	w := newWork(b)
	ctx, cancel := context.WithTimeout(t.Context(), statementTimeout)
	defer cancel()
	if err := s.commitAll(ctx, []*work{w}); err != nil || w.outcome.Events.New != 1 {
		t.Fatalf("a commit of a new day and a new model while a reader holds locks: %v, %+v", err, w.outcome)
	}
}
