// Package pgtest gives tests a real PostgreSQL: one server for a test binary, one new database for a test.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		url := pgtest.Database(t)
package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/localpg"
)

// shared is the server of this test binary. It is the one thing here that outlives a test, and the reason for the package.
var shared struct {
	mu     sync.Mutex
	server *localpg.Server
	logins map[string]localpg.Login // by the role that they are members of
	made   int
}

// Run runs the tests and stops the server after the last one. It returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "stop postgres:", err)
			return max(code, 1)
		}
	}
	return code
}

// Database makes a new, empty database and returns the URL of the superuser. The server starts with the first call.
func Database(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		server, err := localpg.Start(context.Background(), localpg.Config{})
		if err != nil {
			t.Fatalf("start postgres: %v", err)
		}
		shared.server = server
	}
	shared.made++
	name := fmt.Sprintf("t%d_%s", shared.made, simple(t.Name()))
	conn, err := pgx.Connect(t.Context(), shared.server.URL("postgres"))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), "create database "+name); err != nil { // letters, digits and _ only
		t.Fatalf("create database %s: %v", name, err)
	}
	return shared.server.URL(name)
}

// As is the URL of the same database for a login that is a member of a role and nothing else. The role must be there: after
// migrate.
func As(t testing.TB, url, role string) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal("the URL is not one of Database's")
	}
	login, there := shared.logins[role]
	if !there {
		if login, err = shared.server.Login(t.Context(), "a_"+role, role); err != nil {
			t.Fatalf("make a login: %v", err)
		}
		if shared.logins == nil {
			shared.logins = map[string]localpg.Login{}
		}
		shared.logins[role] = login
	}
	return login.URL(cfg.Database)
}

// Superuser is the URL of the same database for the superuser, whose login made it. The URL of another server stays as it is.
func Superuser(t testing.TB, url string) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal("the URL is not one of Database's")
	}
	if shared.server == nil {
		return url
	}
	super := shared.server.URL(cfg.Database)
	if same, err := pgx.ParseConfig(super); err != nil || same.Port != cfg.Port {
		return url
	}
	return super
}

// simple keeps a test's name readable in pg_stat_activity, within the 63 bytes of an identifier and safe to write into SQL.
func simple(name string) string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}
	name = strings.Map(keep, strings.ToLower(name))
	return name[:min(len(name), 50)]
}
