package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// retentionFlags say how long what is kept, and who removes it.
type retentionFlags struct {
	Retention                     time.Duration `help:"How far back events are told apart from their duplicates; older ones are counted as late. Older parts of the ledger are dropped." default:"168h"`
	Retention1m                   time.Duration `name:"retention-1m" env:"TRACETALLY_RETENTION_1M" help:"How long the sums of minutes are kept, at least a day longer than --retention. 0 is 30 days, or that day longer." default:"0"`
	Retention1h                   time.Duration `name:"retention-1h" env:"TRACETALLY_RETENTION_1H" help:"How long the sums of hours are kept; 0 is for ever." default:"0"`
	Retention1d                   time.Duration `name:"retention-1d" env:"TRACETALLY_RETENTION_1D" help:"How long the sums of days are kept; 0 is for ever." default:"0"`
	RetentionPostgresURL          secret.Secret `name:"retention-postgres-url" help:"PostgreSQL for a login that is a member of tracetally_retention and may drop what is old. Without it --postgres-url is used, whose login may not, and says so. Not through a pooler that shares connections." placeholder:"URL"`
	RetentionPostgresPasswordFile string        `help:"File that holds the password for --retention-postgres-url." placeholder:"FILE"`
}

// config checks the flags, all at once. The other flags of PostgreSQL hold for this login as well.
func (f *retentionFlags) config(postgres *postgresFlags) (sink.RetentionConfig, error) {
	var errs []error
	ledger := f.Retention
	if !within(f.Retention, 24*time.Hour, 10*365*24*time.Hour) || f.Retention%(24*time.Hour) != 0 {
		errs = append(errs, fmt.Errorf("retention: must be whole days, 24h to 87600h, got %v", f.Retention))
		ledger = 24 * time.Hour // what is wrong beside the least is wrong beside any, and the rest is not known
	}
	cfg := sink.RetentionConfig{Keep: sink.Keep{Minute: f.Retention1m, Hour: f.Retention1h, Day: f.Retention1d}}
	errs = append(errs, cfg.Keep.Validate(ledger))
	switch {
	case !f.RetentionPostgresURL.Empty():
		login := postgresFlags{
			PostgresURL: f.RetentionPostgresURL, PostgresPasswordFile: f.RetentionPostgresPasswordFile,
			PostgresPlaintext: postgres.PostgresPlaintext,
		}
		store, err := login.sink()
		if err != nil {
			errs = append(errs, fmt.Errorf("retention-postgres-url, held to the same rules: %w", err))
		}
		cfg.URL, cfg.Password = store.URL, store.Password
	case f.RetentionPostgresPasswordFile != "":
		errs = append(errs, errors.New("retention-postgres-password-file: needs --retention-postgres-url"))
	}
	return cfg, errors.Join(errs...)
}
