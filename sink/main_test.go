package sink

import (
	"os"
	"testing"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// openStore is a store on a new, migrated database.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	cfg.URL = secret.New(pgtest.Database(t))
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}
