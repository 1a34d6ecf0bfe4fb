package sink

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// column is the first column of a query's rows.
func column[T any](t testing.TB, s *Store, sql string, args ...any) []T {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return all
}
