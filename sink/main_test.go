package sink

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// openStore is a store on a new, migrated database. It connects as a login that is a member of RoleWriter and nothing else,
// so every test of the store is also one of the writer's rights.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	url := migrated(t)
	cfg.URL = secret.New(pgtest.As(t, url, RoleWriter))
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// migrated is the superuser's URL of a new, migrated database.
func migrated(t testing.TB) string {
	t.Helper()
	url := pgtest.Database(t)
	if err := Migrate(t.Context(), Config{URL: secret.New(url)}); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return url
}

// admin is a connection of the superuser to the database of a store, for what the worker itself may not do. The caller
// closes it.
func admin(t testing.TB, s *Store) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.Superuser(t, s.cfg.URL.Reveal()))
	if err != nil {
		t.Fatal("connect as superuser")
	}
	if err := registerRowTypes(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ownServer is a server for one test alone: one that it stops, or whose roles it makes, which belong to the whole server.
func ownServer(t testing.TB) *localpg.Server {
	t.Helper()
	server, err := localpg.Start(t.Context(), localpg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}
