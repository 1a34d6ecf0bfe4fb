package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

// postgresFlags say how to reach PostgreSQL.
type postgresFlags struct {
	PostgresURL          secret.Secret `name:"postgres-url" help:"PostgreSQL, as postgres://user@host:5432/database. Put the password into --postgres-password-file, PGPASSFILE or TRACETALLY_POSTGRES_URL, not here: a command line is visible to others." placeholder:"URL"`
	PostgresPasswordFile string        `help:"File that holds the password of PostgreSQL. It is read again for each connection: a new password needs no restart." placeholder:"FILE"`
	PostgresPlaintext    bool          `help:"Permit an sslmode that does not prove who the server is (disable, allow, prefer, require) to a PostgreSQL that is not on this machine. Without it the default is verify-full; sslrootcert=FILE in the URL names its CA."`
}

// sink is how to reach PostgreSQL. It looks at the URL, which must not be printed, no more than to say what is wrong with it.
func (f *postgresFlags) sink() (sink.Config, error) {
	text := f.PostgresURL.Reveal()
	if text == "" {
		return sink.Config{}, errors.New("postgres-url: required, for example postgres://tracetally@127.0.0.1:5432/tracetally")
	}
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return sink.Config{}, errors.New("postgres-url: must look like postgres://user@host:5432/database") // not what it looks like: it may be a password
	}
	if passwordIn(text) && onCommandLine(text) {
		return sink.Config{}, errors.New("postgres-url: its password is on the command line, where every user of this machine can read it: " +
			"put it into --postgres-password-file or PGPASSFILE, or the URL into TRACETALLY_POSTGRES_URL")
	}
	cfg := sink.Config{URL: f.PostgresURL, Password: secret.Source{File: f.PostgresPasswordFile}, Plaintext: f.PostgresPlaintext}
	return cfg, cfg.Validate()
}

// passwordIn tells whether a URL has a password in it. One that cannot be read may have.
func passwordIn(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// onCommandLine tells whether a value stands in the arguments of this process.
func onCommandLine(value string) bool {
	return slices.ContainsFunc(os.Args, func(arg string) bool { return strings.HasSuffix(arg, value) })
}

// logFlags say how much is logged, and how.
type logFlags struct {
	LogLevel  string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	LogFormat string `help:"text or json." enum:"text,json" default:"text"`
}

func (f *logFlags) logger(std *streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // the enum admits nothing else
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(std.err, options))
	}
	return slog.New(slog.NewTextHandler(std.err, options))
}

// migrateCmd creates or upgrades the schema tracetally.
type migrateCmd struct {
	postgresFlags
}

// Run migrates and says where the schema stands.
func (c *migrateCmd) Run(ctx context.Context, std *streams) error {
	cfg, err := c.sink()
	if err != nil {
		return err
	}
	if err := sink.Migrate(ctx, cfg); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	_, err = fmt.Fprintf(std.out, "schema tracetally is at version %d\n", sink.SchemaVersion())
	return err
}

// runCmd is the worker.
type runCmd struct {
	kafkaFlags
	postgresFlags
	lineFlags
	retentionFlags
	logFlags

	Topics         []string      `help:"Topics to consume. In the YAML file also a mapping from a topic to its settings: format, environment, service, provider, latency_unit." placeholder:"TOPIC"`
	Group          string        `help:"Consumer group: the workers of one pipeline share it, and its offsets are mirrored there for lag tools." default:"tracetally"`
	SessionTimeout time.Duration `help:"How long the group waits for a worker that fell silent, and then for the others to rejoin: a killed worker's partitions stand still for up to twice as long. Must exceed --drain." default:"20s"`
	From           string        `help:"Where a partition starts that was never seen: earliest, latest, or a time (RFC 3339). Decided once per partition; partitions added later start at earliest." default:"earliest"`
	NoUsers        bool          `help:"Run without a key for hashing: user and input hashes stay empty."`

	Listen       string `help:"Address of /metrics, /healthz and /readyz." default:"127.0.0.1:9464"`
	ListenRemote bool   `help:"Permit --listen beyond loopback. There is no authentication: keep it behind a network policy."`

	BatchEvents    int           `help:"A partition offers its batch to the committer at this many events..." default:"4000"`
	BatchAge       time.Duration `help:"...or when its oldest record has waited this long." default:"200ms"`
	CommitInterval time.Duration `help:"How often the worker commits what its partitions offer." default:"500ms"`
	MaxBatchBytes  int           `help:"A batch of Kafka that is larger, as sent or unpacked, is quarantined as bad_compression or bad_batch." default:"33554432"`
	MemoryLimit    int64         `help:"What the process may hold, in bytes: partitions have as much in hand at a time as fits, and the garbage collector works harder near it (unless GOMEMLIMIT is set, which it then obeys). A single batch of Kafka that unpacks to tens of megabytes goes beyond." default:"134217728"`
	Drain          time.Duration `help:"How long stopping may take; what is in hand is committed within it." default:"10s"`
	HaltOnGap      bool          `help:"Halt a partition whose records Kafka deleted before they were read, instead of noting a gap and going on."`
}

// Run consumes until ctx ends.
func (c *runCmd) Run(ctx context.Context, std *streams, file *configFile) error {
	cfg, err := c.config()
	line, rules, lineErr := c.lineFlags.config(file)
	if err := errors.Join(err, lineErr); err != nil {
		return err
	}
	cfg.Line = line
	cfg.Logger = c.logger(std)
	cfg.Kafka.Logger, cfg.Sink.Logger = cfg.Logger, cfg.Logger
	boundMemory(c.MemoryLimit)
	return pipeline.Run(ctx, cfg, rules)
}

// config checks the flags that are the worker's own, all at once, in the user's words.
func (c *runCmd) config() (pipeline.Config, error) {
	store, err := c.sink()
	store.Retention, store.Worker = c.Retention, workerName()
	retention, retentionErr := c.retentionFlags.config(&c.postgresFlags)
	errs := []error{err, retentionErr}
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Brokers) > 0, "brokers: required, for example 127.0.0.1:9092")
	check(len(c.Topics) > 0, "topics: required, for example events_plugin_ingestion_ai,exceptions_ingestion")
	check(!slices.Contains(c.Topics, "") && !slices.Contains(c.Brokers, ""), "topics, brokers: none may be empty")
	check(c.NoUsers || c.HashKeyFile != "" || os.Getenv("TRACETALLY_HASH_KEY") != "", "hash-key-file: required, so that users can be told "+
		"apart without storing who they are (openssl rand -hex 32 > FILE); or --no-users")
	if err := alerts.CheckAddr(c.Listen, c.ListenRemote); err != nil {
		errs = append(errs, fmt.Errorf("listen: %w", err))
	}
	check(c.BatchEvents >= 1 && c.BatchEvents <= 50_000, "batch-events: must be 1 to 50000, got %d", c.BatchEvents)
	check(c.MaxBatchBytes >= 1<<20 && c.MaxBatchBytes <= 512<<20, "max-batch-bytes: must be 1048576 to 536870912, got %d", c.MaxBatchBytes)
	check(c.MemoryLimit >= 96<<20 && c.MemoryLimit <= 1<<40, "memory-limit: must be 100663296 to 1099511627776, got %d", c.MemoryLimit)
	check(within(c.BatchAge, 10*time.Millisecond, time.Minute), "batch-age: must be 10ms to 1m, got %v", c.BatchAge)
	check(within(c.CommitInterval, 10*time.Millisecond, time.Minute), "commit-interval: must be 10ms to 1m, got %v", c.CommitInterval)
	check(within(c.Drain, time.Second, 10*time.Minute), "drain: must be 1s to 10m, got %v", c.Drain)
	check(within(c.SessionTimeout, 6*time.Second, 10*time.Minute), "session-timeout: must be 6s to 10m, got %v", c.SessionTimeout)
	check(c.SessionTimeout > c.Drain, "session-timeout: must exceed drain (%v), got %v", c.Drain, c.SessionTimeout)
	access := c.access()
	if len(c.Brokers) > 0 { // else it is not known whether TLS is spoken
		errs = append(errs, access.Validate(c.Brokers))
	}
	from, err := pipeline.ParseStart(c.From)
	if err != nil {
		errs = append(errs, fmt.Errorf("from: %w", err))
	}
	return pipeline.Config{
		Kafka: consumer.Config{Brokers: c.Brokers, GroupID: c.Group, Topics: c.Topics, ClientID: "tracetally", MaxBatchBytes: c.MaxBatchBytes,
			SessionTimeout: c.SessionTimeout, RebalanceTimeout: c.SessionTimeout, Access: access},
		Sink: store, Retention: retention,
		From: from, BatchEvents: c.BatchEvents, BatchAge: c.BatchAge, CommitInterval: c.CommitInterval, Drain: c.Drain, MemoryLimit: c.MemoryLimit,
		HaltOnGap: c.HaltOnGap, MetricsAddr: c.Listen, AllowRemote: c.ListenRemote, Version: version,
	}, errors.Join(errs...)
}

// workerName is how partition_progress shows the owner: host and process.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

func within(d, low, high time.Duration) bool { return d >= low && d <= high }
