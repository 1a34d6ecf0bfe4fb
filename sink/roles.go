package sink

import (
	"context"
	_ "embed" // roles.sql
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The roles of a pipeline. None can log in: logins are made members of them. They belong to the whole server, so pipelines in
// several databases of one server share them; what they may do is said database by database (migration 0007).
const (
	// RoleOwner owns the schema and everything in it but the ledger. Migrations run as it.
	RoleOwner = "tracetally_owner"
	// RoleRetention owns the ledger, whose old partitions it detaches and drops.
	RoleRetention = "tracetally_retention"
	// RoleWriter is the worker's: it reads, inserts and updates what the worker does, and defines and deletes nothing.
	RoleWriter = "tracetally_writer"
	// RoleGrafana reads the views.
	RoleGrafana = "grafana_ro"
)

// RoleStatements make the roles, for a person who must do it because the login of migrate may not.
//
//go:embed roles.sql
var RoleStatements string

// ErrRoles is a login that lacks what migrate needs, with the statements to run.
var ErrRoles = errors.New("login may not migrate")

// roleTries bounds how often the roles are tried again. Roles belong to the whole server: a migration of another database may
// make the same ones at the same moment, and no lock reaches across databases.
const roleTries = 10

// prepareRoles makes what migrations run as: the roles, and the schema as RoleOwner's. It needs CREATEROLE and CREATE on the
// database at most once; a database that is ready needs no more than membership in RoleOwner.
func prepareRoles(ctx context.Context, cfg *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return safe(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for tries := 1; ; tries++ {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return prepareIn(ctx, tx) })
		if !otherMigration(err) || tries == roleTries {
			return err
		}
		if err := pause(ctx, time.Duration(tries)*firstWait); err != nil {
			return err
		}
	}
}

// otherMigration tells whether an error is that of two who change the same roles: unique_violation, duplicate_object, or
// "tuple concurrently updated", which has no code of its own.
func otherMigration(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "23505" || pg.Code == "42710" || pg.Code == "XX000")
}

func prepareIn(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('tracetally.schema', 0))`); err != nil {
		return doing("wait for another migration", err)
	}
	for _, step := range []func(context.Context, pgx.Tx) error{createRoles, joinOwner, createSchema} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// createRoles makes those that are missing, and nothing if none is.
func createRoles(ctx context.Context, tx pgx.Tx) error {
	const ask = `
select coalesce(array_agg(rolname::text), '{}'),
       count(*) filter (where rolname = 'tracetally_owner' and pg_has_role(oid, to_regrole('tracetally_retention'), 'member')) > 0
from pg_roles
where rolname = any ($1)`
	var there []string
	var joined bool
	if err := tx.QueryRow(ctx, ask, []string{RoleOwner, RoleRetention, RoleWriter, RoleGrafana}).Scan(&there, &joined); err != nil {
		return doing("look for the roles", err)
	}
	var missing []string
	for statement := range strings.Lines(RoleStatements) {
		words := strings.Fields(statement) // create role NAME, alter role NAME, grant NAME to NAME
		if words[0] == "grant" && joined || words[0] != "grant" && slices.Contains(there, words[2]) {
			continue
		}
		missing = append(missing, strings.TrimSpace(statement))
	}
	for _, statement := range missing {
		if err := try(ctx, tx, statement); denied(err) {
			return fmt.Errorf("%w: it may not create roles; let a superuser run: %s", ErrRoles, strings.Join(missing, " "))
		} else if err != nil {
			return doing("create the roles", err)
		}
	}
	return nil
}

// joinOwner sees to it that the login can act as the owner. The creator of a role may be no member of it (PostgreSQL 16).
func joinOwner(ctx context.Context, tx pgx.Tx) error {
	const become = `set local role tracetally_owner`
	err := try(ctx, tx, become)
	if denied(err) && try(ctx, tx, `grant tracetally_owner to current_user`) == nil {
		err = try(ctx, tx, become)
	}
	if denied(err) {
		return notOwner(ctx, tx)
	}
	if err != nil {
		return doing("become tracetally_owner", err)
	}
	return doing("become the login again", try(ctx, tx, `reset role`))
}

// createSchema makes the schema, or takes over one that was made before there were roles.
func createSchema(ctx context.Context, tx pgx.Tx) error {
	const ask = `select coalesce((select pg_get_userbyid(nspowner)::text from pg_namespace where nspname = 'tracetally'), '')`
	var owner string
	if err := tx.QueryRow(ctx, ask).Scan(&owner); err != nil {
		return doing("look for schema tracetally", err)
	}
	switch owner {
	case RoleOwner:
		return nil
	case "":
		const create = `create schema tracetally authorization tracetally_owner`
		err := try(ctx, tx, create)
		if denied(err) {
			return fmt.Errorf("%w: it may not create a schema; let the owner of the database, as superuser or member of tracetally_owner, run: %s;", ErrRoles, create)
		}
		return doing("create schema tracetally", err)
	}
	err := try(ctx, tx, handOver)
	if denied(err) {
		return fmt.Errorf("%w: schema tracetally is from before there were roles; migrate once as its owner, %s, or as a superuser", ErrRoles, owner)
	}
	return doing("hand the schema to tracetally_owner", err)
}

// handOver gives everything in the schema to RoleOwner. Indexes, row types and sequences of columns follow their tables.
const handOver = `
do $$
declare
    statement text;
begin
    alter schema tracetally owner to tracetally_owner;
    for statement in
        select format('alter table %s owner to tracetally_owner', c.oid::regclass)
        from pg_class c
        where c.relnamespace = 'tracetally'::regnamespace and c.relkind in ('r', 'p', 'v')
        union all
        select format('alter type %s owner to tracetally_owner', t.oid::regtype)
        from pg_type t
        join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
        where t.typnamespace = 'tracetally'::regnamespace
        union all
        select format('alter routine %s owner to tracetally_owner', p.oid::regprocedure)
        from pg_proc p
        where p.pronamespace = 'tracetally'::regnamespace
    loop
        execute statement;
    end loop;
end
$$`

// try runs a statement that may be denied without spoiling the transaction.
func try(ctx context.Context, tx pgx.Tx, statement string) error {
	return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	})
}

// notOwner is ErrRoles with the name of the login in its statement.
func notOwner(ctx context.Context, tx pgx.Tx) error {
	var login string
	if err := tx.QueryRow(ctx, `select quote_ident(session_user)`).Scan(&login); err != nil {
		return doing("ask for the login's name", err)
	}
	return fmt.Errorf("%w: it is no member of %s; let a superuser run: grant %s to %s;", ErrRoles, RoleOwner, RoleOwner, login)
}

func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
