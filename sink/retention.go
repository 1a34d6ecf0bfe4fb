package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tracetally/tracetally/internal/secret"
)

// RetentionConfig says how long rollups are kept and how patient retention is. Zero fields mean their defaults. How long the
// ledger is kept is Config.Retention.
type RetentionConfig struct {
	// URL and Password are of the login that works, which must be a member of RoleRetention. It may also be another address of
	// the same database: the session lock needs a connection of its own, which a pooler that shares them does not give.
	// Default: those of Config.
	URL      secret.Secret
	Password secret.Source
	// Keep is how long the rows of the rollups are kept, by tier.
	Keep Keep
	// Every is how often it looks. Default 1 minute.
	Every time.Duration
	// ReaderWait is how long one detach waits for readers of the ledger that began before it. Nobody waits for it meanwhile.
	// Default 1 minute.
	ReaderWait time.Duration
	// Observe, if set, hears of every pass, in Run's goroutine; of one that failed with why. InTheWay tells the reasons apart.
	Observe func(RetentionState, error)
}

// Keep is how long rollups are kept, in whole days. It is measured as the ledger's retention is: back from the slowest
// partition, so that history that is read for the first time is not deleted under the reader's eyes.
type Keep struct {
	// Minute is for the tables of minutes: at least a day more than the ledger. Default 30 days, or that.
	Minute time.Duration
	// Hour and Day are for the tables of hours and days: 0 is for ever, else no less than the finer table.
	Hour, Day time.Duration
}

func (k Keep) withDefaults(ledger time.Duration) Keep {
	if k.Minute == 0 {
		k.Minute = max(30*day, ledger+day)
	}
	return k
}

// Validate reports every problem at once, in the words of the flags; ledger is how long the ledger is kept.
func (k Keep) Validate(ledger time.Duration) error { return k.withDefaults(ledger).validate(ledger) }

func (k Keep) validate(ledger time.Duration) error {
	var problems []error
	check := func(name string, d, least time.Duration, why string) {
		if d%day != 0 || d < least {
			problems = append(problems, fmt.Errorf("%s: must be whole days, at least %v (%s), got %v", name, least, why, d))
		}
	}
	// Rows before the horizon never change any more. The day between is for readers that compare tiers.
	check("retention-1m", k.Minute, ledger+day, "retention and a day")
	if k.Hour != 0 {
		check("retention-1h", k.Hour, k.Minute, "retention-1m")
	}
	if k.Day != 0 {
		check("retention-1d", k.Day, max(k.Minute, k.Hour), "retention-1m and retention-1h")
	}
	if k.Hour == 0 && k.Day != 0 {
		problems = append(problems, errors.New("retention-1d: must be 0 (for ever) when retention-1h is"))
	}
	return errors.Join(problems...)
}

// RetentionState is what a pass found and did.
type RetentionState struct {
	// Known tells that the rest could be found out; what was removed is true in any case.
	Known bool
	// Horizon is the time before which events are late; zero when it is not set yet.
	Horizon time.Time
	// Partitions is how many partitions the ledger has, Expired how many of them, detached ones included, lie before the
	// horizon and are still there. Oldest is where the first one begins, zero when there is none.
	Partitions, Expired int
	Oldest              time.Time
	// Succeeded is when a pass of any worker last left nothing before the horizon; zero when none ever did.
	Succeeded time.Time
	// Holding is how many partitions of topics nobody attends to and still hold the horizon, Released how many have
	// stopped doing so.
	Holding, Released int
	// Worked tells that this pass held the lock: else another worker is at it.
	Worked bool
	// Dropped are the names of the partitions dropped; Deleted counts the rows deleted from rollups.
	Dropped []string
	Deleted int64
}

// Retention removes what lies before the horizon: partitions of the ledger, which are detached and dropped, and old rows of
// the rollups. It never moves the horizon. Of several workers one at a time is at it, under a session lock; each pass has
// one connection of its own, whose login must be a member of the role that owns the ledger.
type Retention struct {
	cfg  Config
	opts RetentionConfig
	// at, if set, is called at named points: tests stop there.
	at func(point string) error
	// told is what was last said about a pass that failed, so that it is not said every minute; toldHolding and toldReleased
	// the same about partitions that nobody attends to.
	told                      string
	toldHolding, toldReleased int
}

// NewRetention makes a retention worker; cfg says how to connect and how long the ledger is kept. Nothing happens before Run.
func NewRetention(cfg Config, opts RetentionConfig) (*Retention, error) {
	cfg = cfg.withDefaults()
	if !opts.URL.Empty() {
		cfg.URL, cfg.Password = opts.URL, opts.Password
	}
	opts.Keep = opts.Keep.withDefaults(cfg.Retention)
	if err := errors.Join(cfg.Validate(), opts.Keep.validate(cfg.Retention)); err != nil {
		return nil, err
	}
	opts.Every = cmp.Or(opts.Every, time.Minute)
	opts.ReaderWait = cmp.Or(opts.ReaderWait, time.Minute)
	if opts.Observe == nil {
		opts.Observe = func(RetentionState, error) {}
	}
	return &Retention{cfg: cfg, opts: opts}, nil
}

// Run makes a pass now and then until ctx ends. What fails is said, once, and tried again: commits do not need retention,
// the disk does.
func (r *Retention) Run(ctx context.Context) {
	tick := time.NewTicker(r.opts.Every)
	defer tick.Stop()
	for {
		state, err := r.Pass(ctx)
		if ctx.Err() != nil {
			return
		}
		r.tell(state, err)
		r.opts.Observe(state, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Retention) tell(state RetentionState, err error) {
	if state.Known && (state.Holding != r.toldHolding || state.Released != r.toldReleased) {
		r.toldHolding, r.toldReleased = state.Holding, state.Released
		r.cfg.Logger.Warn("partitions that nobody attends to, see partition_progress.unattended",
			"holding_the_horizon", state.Holding, "released", state.Released)
	}
	if errors.As(err, new(*inTheWay)) {
		return // said with how long it was waited for
	}
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == r.told {
		return
	}
	r.told = text
	if err != nil {
		r.cfg.Logger.Warn("retention did not get through, it tries again", "expired", state.Expired, "err", err)
		return
	}
	r.cfg.Logger.Info("retention gets through again", "horizon", state.Horizon)
}

// passTimeout bounds a pass beyond what the server's timeouts bound: a network may swallow answers. What is left is for the
// next one.
const passTimeout = 10 * time.Minute

// retentionLock names the session lock under which one worker at a time is at it.
const retentionLock = "tracetally.retention"

// Pass works once, unless another worker is at it, and says how things stand. Errors are of the database; one that is only a
// reader in the way is an *inTheWay. The state is what could be found out, even with an error.
func (r *Retention) Pass(ctx context.Context) (state RetentionState, err error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	conn, err := r.connect(ctx)
	if err != nil {
		return state, err
	}
	defer hangUp(ctx, conn)
	const lock = `select pg_try_advisory_lock(hashtextextended($1, 0))`
	if err := conn.QueryRow(ctx, lock, retentionLock).Scan(&state.Worked); err != nil {
		return state, doing("lock retention", err)
	}
	p := &pass{Retention: r, conn: conn, state: &state}
	if state.Worked {
		err = p.work(ctx)
	}
	return state, errors.Join(advised(err), p.look(ctx), p.unlock(ctx))
}

// unlock lets the next pass begin at once: the server notices only some time later that the connection is gone.
func (p *pass) unlock(ctx context.Context) error {
	if !p.state.Worked || p.conn.IsClosed() {
		return nil
	}
	_, err := p.conn.Exec(ctx, `select pg_advisory_unlock(hashtextextended($1, 0))`, retentionLock)
	return doing("unlock retention", err)
}

// advised adds how to mend what only a person can. The worker's own login is the default, and may not do this.
func advised(err error) error {
	var pg *pgconn.PgError
	switch {
	case !errors.As(err, &pg):
		return err
	case pg.Code == "42501":
		return fmt.Errorf("%w: give --retention-postgres-url a login that is a member of %s", err, RoleRetention)
	case pg.Code == "55000": // PostgreSQL has one at a time
		return fmt.Errorf("%w: someone else's detach of a partition of the ledger is pending, end it with detach partition … finalize", err)
	}
	return err
}

// retentionTimeout is less than the lock_timeout of commits: whatever retention locks while it waits for something else, a
// commit that needs it does not give up. The one statement that may wait longer holds nothing meanwhile (detach).
const retentionTimeout = 4 * time.Second

// connect makes the pass's own connection: its lock must not outlive the pass, and its timeouts are not those of commits.
func (r *Retention) connect(ctx context.Context) (*pgx.Conn, error) {
	cc, err := r.cfg.access().connConfig(ctx)
	if err != nil {
		return nil, err
	}
	cc.ConnectTimeout = 10 * time.Second
	maps.Copy(cc.RuntimeParams, sessionSettings())
	cc.RuntimeParams["application_name"] = "tracetally retention"
	cc.RuntimeParams["lock_timeout"] = millis(retentionTimeout)
	cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	conn, err := pgx.ConnectConfig(ctx, cc)
	return conn, doing("connect for retention", err)
}

// hangUp ends the session, and with it the lock. A statement that was cut short is cancelled on the server first.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

func millis(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
