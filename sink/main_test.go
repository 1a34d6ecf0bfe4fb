package sink

import (
	"os"
	"testing"

	"github.com/tracetally/tracetally/internal/localpg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// openStore is a store on a new, migrated database.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	cfg.URL = pgtest.Database(t)
	if err := Migrate(t.Context(), cfg.URL); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}
