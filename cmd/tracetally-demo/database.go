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
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

const databaseName = "tracetally"

// database is the embedded PostgreSQL with the migrated schema, and the demo's own connections to it, which may read what
// Grafana may.
type database struct {
	server *localpg.Server
	pool   *pgxpool.Pool
	// workerURL, retentionURL and readerURL are for logins with the rights of the worker, of retention and of Grafana, as in
	// production.
	workerURL, retentionURL, readerURL string
	// dir holds files that say how to reach the server: psql is the line that uses them, as the reader; passEnv names the
	// password file to other clients, for which bareURL and bareRetentionURL are without the passwords.
	dir, psql, passEnv, bareURL, bareRetentionURL string
}

func startPostgres(ctx context.Context, log *slog.Logger) (*database, error) {
	server, err := localpg.Start(ctx, localpg.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	d := &database{server: server}
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
	if err := sink.Migrate(ctx, sink.Config{URL: secret.New(d.server.URL(databaseName))}); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for name, l := range map[string]struct {
		url  *string
		role string
	}{
		"worker": {&d.workerURL, sink.RoleWriter}, "retention": {&d.retentionURL, sink.RoleRetention}, "reader": {&d.readerURL, sink.RoleGrafana},
	} {
		login, err := d.server.Login(ctx, name, l.role)
		if err != nil {
			return fmt.Errorf("make the login of the %s: %w", name, err)
		}
		*l.url = login.URL(databaseName)
	}
	cfg, err := pgxpool.ParseConfig(d.readerURL)
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

// writePsql makes the line for psql. Where the server is and the passwords stand in files that only this user can read: a
// command line is visible to others.
func (d *database) writePsql() error {
	reader, err := url.Parse(d.readerURL)
	worker, workerErr := url.Parse(d.workerURL)
	cleaner, cleanerErr := url.Parse(d.retentionURL)
	if err != nil || workerErr != nil || cleanerErr != nil {
		return errors.New("read the database URL") // the parse error would quote the password
	}
	if d.dir, err = os.MkdirTemp("", "tracetally-demo-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	passFile, service := filepath.Join(d.dir, "pgpass"), filepath.Join(d.dir, "pg")
	for file, text := range map[string]string{
		passFile: passLine(reader) + passLine(worker) + passLine(cleaner),
		service: fmt.Sprintf("[demo]\nhost=%s\nport=%s\nuser=%s\ndbname=%s\npassfile=%s\noptions=-csearch_path=tracetally\n",
			reader.Hostname(), reader.Port(), reader.User.Username(), databaseName, passFile),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write how to reach postgres: %w", err)
		}
	}
	d.psql = "PGSERVICEFILE=" + service + " psql service=demo"
	d.passEnv = "PGPASSFILE=" + passFile
	worker.User, cleaner.User = url.User(worker.User.Username()), url.User(cleaner.User.Username())
	d.bareURL, d.bareRetentionURL = worker.String(), cleaner.String()
	return nil
}

// passLine is a login's line in a password file.
func passLine(u *url.URL) string {
	password, _ := u.User.Password()
	return fmt.Sprintf("%s:%s:*:%s:%s\n", u.Hostname(), u.Port(), u.User.Username(), password)
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
