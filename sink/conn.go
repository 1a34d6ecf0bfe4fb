package sink

import (
	"context"
	"database/sql/driver"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connLife bounds how long a connection to a server that was demoted since can stay in the pool.
const connLife = 30 * time.Minute

// sessionSettings hold for every connection. jit: compiling the ledger statement takes ten times as long as running it
// (460–570 ms against 54 ms). The timeouts bound how long a frozen worker can hold a partition's row.
func sessionSettings() map[string]string {
	return map[string]string{
		"application_name":                    "tracetally",
		"timezone":                            "UTC",
		"jit":                                 "off",
		"lock_timeout":                        "5s",
		"statement_timeout":                   "30s",
		"idle_in_transaction_session_timeout": "5s",
		"tcp_user_timeout":                    "15s",
		"search_path":                         "pg_catalog",
	}
}

// openPool connects only to servers that take writes, checks them again as they are handed out after a rest, and teaches
// each connection our row types.
func openPool(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	pc, err := cfg.access().poolConfig()
	if err != nil {
		return nil, err
	}
	pc.MaxConns = cfg.MaxConns
	pc.MaxConnLifetime = connLife
	pc.MaxConnLifetimeJitter = connLife / 10
	pc.ConnConfig.ConnectTimeout = 10 * time.Second
	maps.Copy(pc.ConnConfig.RuntimeParams, sessionSettings())
	pc.AfterConnect = prepareConn
	return pgxpool.NewWithConfig(ctx, pc)
}

// transactionTimeout bounds a whole transaction where the server can (PostgreSQL 17 and later).
const transactionTimeout = "120s"

func prepareConn(ctx context.Context, conn *pgx.Conn) error {
	const ask = `
select current_setting('server_version_num')::int >= 170000`
	var can bool
	if err := conn.QueryRow(ctx, ask).Scan(&can); err != nil {
		return doing("ask for the server's version", err)
	}
	if can {
		if _, err := conn.Exec(ctx, `select set_config('transaction_timeout', $1, false)`, transactionTimeout); err != nil {
			return doing("set transaction_timeout", err)
		}
	}
	return registerRowTypes(ctx, conn)
}

// rowTypes are the composite types whose arrays the worker sends.
func rowTypes() []string { return []string{"ledger_in", "calls_in", "errors_in", "error_group_in"} }

// registerRowTypes lets arrays of our row types be sent as the bytes that rows makes. Their numbers differ from database
// to database, so they are asked for on each connection. A database without them is not migrated: Ready says so.
func registerRowTypes(ctx context.Context, conn *pgx.Conn) error {
	const ask = `
select t.typname, t.oid, t.typarray
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where n.nspname = 'tracetally' and t.typname = any ($1)`
	rows, err := conn.Query(ctx, ask, rowTypes())
	if err != nil {
		return doing("ask for the row types", err)
	}
	var name string
	var oid, array uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &oid, &array}, func() error {
		conn.TypeMap().RegisterType(&pgtype.Type{Name: "tracetally." + name + "[]", OID: array, Codec: rawCodec{element: oid}})
		return nil
	})
	return doing("ask for the row types", err)
}

// rawCodec sends rows as they are. Encoding field by field through pgx would look up a plan for each of 45 fields of each
// row; the layout is fixed and the bytes are made in one pass instead.
type rawCodec struct{ element uint32 }

// FormatSupported is part of pgtype.Codec.
func (rawCodec) FormatSupported(format int16) bool { return format == pgtype.BinaryFormatCode }

// PreferredFormat is part of pgtype.Codec.
func (rawCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

// PlanEncode is part of pgtype.Codec.
func (c rawCodec) PlanEncode(_ *pgtype.Map, _ uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(arrayOfRows); !ok || format != pgtype.BinaryFormatCode {
		return nil
	}
	return c
}

// Encode is the plan of rawCodec: the header of an array, then the rows.
func (c rawCodec) Encode(value any, buf []byte) ([]byte, error) {
	return value.(arrayOfRows).appendArray(buf, c.element), nil
}

// PlanScan is part of pgtype.Codec: nothing is read.
func (rawCodec) PlanScan(*pgtype.Map, uint32, int16, any) pgtype.ScanPlan { return nil }

// DecodeDatabaseSQLValue is part of pgtype.Codec: nothing is read.
func (rawCodec) DecodeDatabaseSQLValue(*pgtype.Map, uint32, int16, []byte) (driver.Value, error) {
	return nil, errWriteOnly
}

// DecodeValue is part of pgtype.Codec: nothing is read.
func (rawCodec) DecodeValue(*pgtype.Map, uint32, int16, []byte) (any, error) {
	return nil, errWriteOnly
}
