package sink

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable records which migrations a database has.
const versionTable = "tracetally.schema_migration"

// migrateLock bounds the wait for a table that someone uses, because commits queue behind the one who waits. lock_timeout in the
// URL says otherwise.
const migrateLock = "30s"

// lockProbe and lockProbes bound the wait for another migration to 5 minutes, asking each second (goose's unit is seconds).
const (
	lockProbe  = 1
	lockProbes = 300
)

// Migrate brings the schema tracetally of the database to this program's version. It may run again and by several at once:
// a session lock lets one work. Of cfg it needs what says how to connect. Errors: ErrRoles, with the statement that mends it.
func Migrate(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	conn, err := cfg.access().connConfig(ctx)
	if err != nil {
		return err
	}
	if conn.RuntimeParams["lock_timeout"] == "" {
		conn.RuntimeParams["lock_timeout"] = migrateLock
	}
	for name, value := range map[string]string{"application_name": "tracetally migrate", "search_path": "pg_catalog", "timezone": "UTC"} {
		conn.RuntimeParams[name] = value
	}
	if err := prepareRoles(ctx, conn); err != nil {
		return waited(err)
	}
	// What a migration creates belongs to the role that it runs as.
	db := stdlib.OpenDB(*conn, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `set role tracetally_owner`)
		return doing("become tracetally_owner", err)
	}))
	defer func() { _ = db.Close() }()
	provider, err := migrator(db)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return waited(doing("run migrations", err))
}

// waited adds what to do about a table that did not come free.
func waited(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
		return fmt.Errorf("%w: a long transaction uses a table that must change; end it (pg_stat_activity shows it) or come again", err)
	}
	return err
}

func migrator(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockProbe, lockProbes))
	if err != nil {
		return nil, fmt.Errorf("make the migration lock: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable), goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return provider, nil
}

// SchemaVersion is the version that this program needs: the number of its last migration.
func SchemaVersion() int64 {
	names, _ := fs.Glob(migrations, "migrations/*.sql") // the pattern is a constant and the files are embedded
	last := strings.TrimPrefix(names[len(names)-1], "migrations/")
	n, _ := strconv.ParseInt(last[:4], 10, 64)
	return n
}
