package sink

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrInvariant is a constraint of ours that data violated, or a clash of two hashes: a bug. The worker stops; nothing was
// written and nothing is skipped.
var ErrInvariant = errors.New("invariant of the database violated")

// ErrOtherCluster is a partition whose rows came from another Kafka cluster than the one it is acquired for.
var ErrOtherCluster = errors.New("partition belongs to another Kafka cluster")

// ErrFenced is a claim that is no longer valid: someone else acquired the partition.
var ErrFenced = errors.New("partition has another owner")

// ErrSchemaVersion is a database whose schema is older or newer than this program's.
var ErrSchemaVersion = errors.New("schema of PostgreSQL does not fit, run tracetally migrate")

// ErrReadOnly is a server that does not take writes, for example a standby.
var ErrReadOnly = errors.New("server is read-only")

// ErrClock is a machine whose clock is days behind the server's.
var ErrClock = errors.New("clock of this machine is behind PostgreSQL's, set it right (NTP)")

// class is what to do about an error of Postgres (SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html).
type class uint8

const (
	classRetry     class = iota // deadlock, lock timeout, transactions that got in each other's way: the whole transaction again
	classReconnect              // the connection or the server is gone: again on a new connection
	classReject                 // a value that Postgres cannot store: find the record
	classPartition              // no partition of the ledger for the row's day
	classFatal                  // a bug or a missing right: stop
)

// classify never looks at the text of an error. What has no SQLSTATE comes from the network and is retried.
func classify(err error) class {
	if errors.Is(err, ErrInvariant) || errors.Is(err, ErrBadBatch) {
		return classFatal
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if errors.Is(err, pgx.ErrTxCommitRollback) {
			return classRetry
		}
		return classReconnect
	}
	return classifyState(pg)
}

func classifyState(pg *pgconn.PgError) class {
	switch pg.Code {
	case "40001", "40P01", "57014": // 57014: statement_timeout
		return classRetry
	case "23514":
		if pg.ConstraintName == "" { // [measured on 15: no partition of relation found for row]
			return classPartition
		}
		return classFatal
	case "25006", // read-only: a demoted primary
		"0A000", "26000": // a prepared statement that a migration or a pooler made useless
		return classReconnect
	}
	switch pg.Code[:2] {
	case "22", "54": // 54: a limit of the server, for example an index entry of more than 2,704 bytes
		return classReject
	case "55": // something is in use for the moment
		return classRetry
	case "08", "57", "53", "58", "25", "28", "XX": // connection, operator, resources, system, transaction state, login, internal
		return classReconnect
	}
	return classFatal
}

// stop makes what violates a constraint of ours (class 23, and 21: a key twice in one statement) an ErrInvariant.
func stop(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "21")) {
		return fmt.Errorf("%w: %w", ErrInvariant, err)
	}
	return err
}

// safe takes out of an error what may quote values of a row or a secret, and says how to mend what operators meet most.
func safe(err error) error {
	if err == nil {
		return nil
	}
	if explained := explain(err); explained != nil {
		return explained
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return &stateError{text: describe(pg), pg: pg}
}

// describe is a PgError without what may quote values of a row: Detail, Where, Hint, and Message but for the codes whose
// messages hold nothing but names of roles, databases, addresses and tables.
func describe(pg *pgconn.PgError) string {
	parts := []string{"SQLSTATE " + pg.Code}
	m, known := meanings[pg.Code]
	if m.quote {
		parts[0] += ", " + strings.Join(strings.Fields(pg.Message), " ")
	}
	if known {
		parts[0] += " (" + m.remedy + ")"
	}
	for _, p := range [][2]string{{"table", pg.TableName}, {"column", pg.ColumnName}, {"constraint", pg.ConstraintName}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// meanings say in words what operators meet most, and what to do. quote: the server's message may be shown too.
var meanings = map[string]struct {
	remedy string
	quote  bool
}{
	"08P01": {"behind PgBouncer? it must let the settings of the session pass: ignore_startup_parameters, docs/access.md", false},
	"28P01": {"wrong password, or no such user: check --postgres-password-file, or the password in TRACETALLY_POSTGRES_URL", false},
	"28000": {"the server does not admit this login: check pg_hba.conf there, that the login may log in, and its client certificate", true},
	"3D000": {"create the database, or correct its name in postgres-url", true},
	"3F000": {"no such schema: run tracetally migrate", false},
	"42P01": {"no such table: run tracetally migrate", false},
	"42501": {"missing right: the login of run is a member of tracetally_writer, that of retention of tracetally_retention, that of migrate of tracetally_owner; see docs/access.md", true},
	"53300": {"too many connections: raise max_connections there, or the login's connection limit, or run fewer workers (each takes up to 8)", true},
	"53100": {"disk full", false},
	"57P03": {"the server is starting up or shutting down", false},
	"25006": {"read-only server", false},
}

// stateError is a PgError that prints only its code and place; errors.As still finds the original.
type stateError struct {
	text string
	pg   *pgconn.PgError
}

func (e *stateError) Error() string { return e.text }

func (e *stateError) Unwrap() error { return e.pg }

// doing wraps an error of a statement with what it was for.
func doing(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, safe(err))
}
