package sink

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/internal/secret"
)

// documented are the blocks of SQL in docs/access.md, statement by statement: roles, logins and database, what is done in
// that database, and what a pooler needs.
func documented(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks [][]string
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		code := regexp.MustCompile(`--.*`).ReplaceAllString(block[1], "")
		var statements []string
		for statement := range strings.SplitSeq(code, ";") {
			if statement = strings.TrimSpace(statement); statement != "" {
				statements = append(statements, statement)
			}
		}
		blocks = append(blocks, statements)
	}
	if len(blocks) != 4 {
		t.Fatalf("%d blocks of SQL in docs/access.md, want 4", len(blocks))
	}
	return blocks
}

func TestDocumentedStatementsSetUpAPipeline(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	blocks := documented(t)
	if got := strings.Join(blocks[0], ";\n") + ";\n"; got != RoleStatements {
		t.Errorf("the roles of docs/access.md are\n%swant\n%s", got, RoleStatements)
	}
	for i, db := range []string{"postgres", "postgres", "metrics", "postgres"} {
		for _, statement := range blocks[i] {
			execAdmin(t, server.URL(db), statement)
		}
	}
	logins := map[string]Config{}
	for _, name := range []string{"tally_migrate", "tally_worker", "tally_retention", "tally_grafana"} {
		execAdmin(t, server.URL("postgres"), "alter role "+name+" password 'p'")
		logins[name] = Config{URL: secret.New(withUser(t, server.URL("metrics"), name))}
	}
	if err := Migrate(t.Context(), logins["tally_migrate"]); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), logins["tally_worker"])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
	keeper, err := NewRetention(logins["tally_worker"], RetentionConfig{URL: logins["tally_retention"].URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keeper.Pass(t.Context()); err != nil {
		t.Errorf("retention: %v", err)
	}
	grafana, err := pgx.Connect(t.Context(), logins["tally_grafana"].URL.Reveal())
	if err != nil {
		t.Fatal("connect as tally_grafana")
	}
	defer func() { _ = grafana.Close(t.Context()) }()
	var settings string
	const ask = `select current_setting('transaction_read_only') || ' ' || current_setting('statement_timeout') from tracetally.calls_1d right join (select 1) x on true`
	if err := grafana.QueryRow(t.Context(), ask).Scan(&settings); err != nil || settings != "on 30s" {
		t.Errorf("settings of tally_grafana: %s, %v", settings, err)
	}
	if err := run(t, withUser(t, server.URL("metrics"), "tally_worker"), `create temporary table own (n int)`); !denied(err) {
		t.Errorf("a temporary table of the worker: %v", err)
	}
	if err := run(t, withUser(t, server.URL("metrics"), "tally_grafana"), `select 1 from public.anything`); !denied(err) {
		t.Errorf("schema public of the dashboards: %v", err)
	}
}
