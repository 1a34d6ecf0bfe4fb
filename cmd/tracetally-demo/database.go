package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/sink"
)

const databaseName = "tracetally"

// database is the embedded PostgreSQL with the migrated schema, and the demo's own connections to it.
type database struct {
	server *localpg.Server
	pool   *pgxpool.Pool
	url    string
	// dir holds the password file for psql. passEnv names it to clients, bareURL is the URL without the password.
	dir, psql, passEnv, bareURL string
}

func startPostgres(ctx context.Context, log *slog.Logger) (*database, error) {
	server, err := localpg.Start(ctx, localpg.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	d := &database{server: server, url: server.URL(databaseName)}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *database) prepare(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.server.URL("postgres"))
	if err != nil {
		return fmt.Errorf("reach postgres: %w", err)
	}
	_, err = conn.Exec(ctx, "create database "+databaseName)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	if err := sink.Migrate(ctx, d.url); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	cfg, err := pgxpool.ParseConfig(d.url)
	if err != nil {
		return errors.New("read the database URL") // the parse error would quote the password
	}
	cfg.MaxConns = 2
	cfg.ConnConfig.RuntimeParams["application_name"] = "tracetally-demo"
	cfg.ConnConfig.RuntimeParams["search_path"] = "tracetally"
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("open connections: %w", err)
	}
	return d.writePsql()
}

// writePsql makes the line for psql. The password is in a file that only this user can read, not in the line.
func (d *database) writePsql() error {
	u, err := url.Parse(d.url)
	if err != nil {
		return errors.New("read the database URL") // as above
	}
	if d.dir, err = os.MkdirTemp("", "tracetally-demo-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	password, _ := u.User.Password()
	file := filepath.Join(d.dir, "pgpass")
	line := fmt.Sprintf("%s:%s:*:%s:%s\n", u.Hostname(), u.Port(), u.User.Username(), password)
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		return fmt.Errorf("write the password file: %w", err)
	}
	d.passEnv = "PGPASSFILE=" + file
	d.psql = fmt.Sprintf("%s PGOPTIONS=--search_path=tracetally psql -h %s -p %s -U %s %s",
		d.passEnv, u.Hostname(), u.Port(), u.User.Username(), databaseName)
	u.User = url.User(u.User.Username())
	d.bareURL = u.String()
	return nil
}

// close stops the server and removes what it and we wrote.
func (d *database) close() error {
	if d.pool != nil {
		d.pool.Close()
	}
	var err error
	if d.dir != "" {
		err = os.RemoveAll(d.dir)
	}
	return errors.Join(d.server.Close(), err)
}
