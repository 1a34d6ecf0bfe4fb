package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrRights is a login that may not do what the worker does, with the statement that mends it.
var ErrRights = errors.New("login lacks rights in PostgreSQL")

// writerNeeds are the rights without which the worker stops sooner or later: what migrations give to RoleWriter.
func writerNeeds() (relations map[string]string, functions, types []string) {
	relations = map[string]string{
		"schema_migration": "select", "horizon": "select", "progress": "select insert update",
		"quarantined": "select insert update", "gap": "select insert update", "series": "select insert",
		"error_series": "select insert", "ledger": "select insert", "error_group": "select insert update",
	}
	for _, t := range tiers() {
		relations["rollup_calls_"+t.name] = "select insert update"
		relations["rollup_errors_"+t.name] = "select insert update"
	}
	return relations, []string{"admit", "advance_horizon", "ensure_ledger_day"}, rowTypes()
}

// rights asks for all of them at once, so that nobody has to run the worker again and again to learn the next one. It reads
// catalogues only, which everyone may.
func (s *Store) rights(ctx context.Context) error {
	const ask = `
with need (name, privilege, has) as (
    select 'table tracetally.' || u.name, u.privilege, has_any_column_privilege(c.oid, u.privilege)
    from unnest($1::text[], $2::text[]) u (name, privilege)
    join pg_class c on c.relname = u.name and c.relnamespace = to_regnamespace('tracetally')
    union all
    select 'function tracetally.' || p.proname, 'execute', has_function_privilege(p.oid, 'execute')
    from pg_proc p
    where p.proname = any ($3) and p.pronamespace = to_regnamespace('tracetally')
    union all
    select 'type tracetally.' || t.typname, 'usage', has_type_privilege(t.oid, 'usage')
    from pg_type t
    where t.typname = any ($4) and t.typnamespace = to_regnamespace('tracetally')
    union all
    select 'schema ' || n.nspname, 'usage', has_schema_privilege(n.oid, 'usage')
    from pg_namespace n
    where n.nspname = 'tracetally'
)
select quote_ident(current_user), coalesce(pg_has_role(to_regrole($5), 'usage'), false),
       coalesce(array_agg(privilege || ' on ' || name order by name, privilege) filter (where not has), '{}')
from need`
	relations, functions, types := writerNeeds()
	var names, privileges, missing []string
	for name, all := range relations {
		for _, privilege := range strings.Fields(all) {
			names, privileges = append(names, name), append(privileges, privilege)
		}
	}
	var login string
	var member bool
	err := s.pool.QueryRow(ctx, ask, names, privileges, functions, types, RoleWriter).Scan(&login, &member, &missing)
	if err != nil || len(missing) == 0 {
		return doing("ask for the rights of the login", err)
	}
	remedy := "a superuser run: grant " + RoleWriter + " to " + login
	if member { // someone took away what migrations gave
		remedy = "a member of " + RoleOwner + " run: grant " + missing[0] + " to " + RoleWriter
	}
	return fmt.Errorf("%w: %s misses %s; let %s;", ErrRights, login, few(missing), remedy)
}

// few keeps a line short that names many things.
func few(all []string) string {
	const most = 3
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
