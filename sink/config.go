package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tracetally/tracetally/internal/secret"
)

// Config says where the store is and what it keeps. Zero fields mean their defaults.
type Config struct {
	// URL is the connection string of Postgres, as a URL or as keywords and values. It may hold the password, and is never
	// logged and never part of an error.
	URL secret.Secret
	// Password replaces the one of URL. A file is read again for each connection, so a new password needs no restart.
	Password secret.Source
	// Plaintext permits an sslmode that does not prove who the server is (disable, allow, prefer, require) to a server that
	// is not on this machine. Whoever is on the way can then read and change everything.
	Plaintext bool
	// Worker names this process in partition_progress.owner. Default: none.
	Worker string
	// Retention is how long events stay in the ledger: the window in which duplicates are recognised. Default 7 days; at
	// least one day, whole days.
	Retention time.Duration
	// Caps bound the distinct values of the dimensions.
	Caps Caps
	// MaxConns bounds the pool. Default 8.
	MaxConns int32
	// Logger hears changes of state. Default: silence.
	Logger *slog.Logger
	// Retried, if set, hears of each commit that is tried again.
	Retried func()
	// Now is the clock, for tests. It never decides a verdict, except that a watermark is not ahead of it.
	Now func() time.Time
}

// Caps are the numbers of distinct values a dimension may have. Past its cap a dimension's further values count as
// "__other__". Zero means the default. Operation, category, reason and error code are closed lists and need none.
type Caps struct {
	Environment   int // default 50
	Service       int // default 500
	Provider      int // default 100
	Model         int // default 1,000
	PromptName    int // default 1,000
	PromptVersion int // default 2,000
	TaskType      int // default 200
	InputBucket   int // default 100: ours are ten, the rest are producers' own
	Step          int // default 500
	// Series bounds the combinations; past it every open dimension of a new combination is "__other__". Default 100,000.
	Series int
}

// DefaultRetention is how long events stay in the ledger when nothing else is said.
const DefaultRetention = 7 * 24 * time.Hour

const day = 24 * time.Hour

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.MaxConns == 0 {
		c.MaxConns = 8
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Retried == nil {
		c.Retried = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Caps = c.Caps.withDefaults()
	return c
}

func (c Caps) withDefaults() Caps {
	for _, d := range []struct {
		cap   *int
		value int
	}{
		{&c.Environment, 50}, {&c.Service, 500}, {&c.Provider, 100}, {&c.Model, 1000}, {&c.PromptName, 1000},
		{&c.PromptVersion, 2000}, {&c.TaskType, 200}, {&c.InputBucket, 100}, {&c.Step, 500}, {&c.Series, 100_000},
	} {
		if *d.cap == 0 {
			*d.cap = d.value
		}
	}
	return c
}

// Validate reports every problem at once.
func (c Config) Validate() error {
	problems := []error{c.access().validate()}
	if r := c.withDefaults().Retention; r < day || r%day != 0 {
		problems = append(problems, fmt.Errorf("retention: must be whole days, at least 24h, got %v", r))
	}
	for _, n := range []int{
		c.Caps.Environment, c.Caps.Service, c.Caps.Provider, c.Caps.Model, c.Caps.PromptName, c.Caps.PromptVersion,
		c.Caps.TaskType, c.Caps.InputBucket, c.Caps.Step, c.Caps.Series,
	} {
		if n < 0 {
			problems = append(problems, fmt.Errorf("caps: must not be negative, got %d", n))
		}
	}
	return errors.Join(problems...)
}
