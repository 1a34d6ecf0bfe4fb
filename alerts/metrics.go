package alerts

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tracetally/tracetally/schemas"
)

// Config says what Metrics counts. The zero value is usable.
type Config struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// FreshWindow is how old an event may be when it is committed and still move an llm_* series. Default 5 minutes.
	FreshWindow time.Duration
	// MaxTuples is how many combinations of environment, provider and model have series of their own. Default 100; one
	// with 60 reasons is about 70 series and was measured to take 100 KB.
	MaxTuples int
	// Reasons is the closed list of the classifier. All of them start at 0 with the first call of a tuple, and with its
	// first exception.
	Reasons []Reason
	// Version is the program's, for tracetally_build_info. Default "unknown".
	Version string
	// Logger hears of what the program did wrong; nil means slog.Default().
	Logger *slog.Logger
}

// Reason is one reason of the classifier, with the code that failures of it usually carry.
type Reason struct {
	Category  schemas.Category
	Reason    string
	UsualCode string
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.FreshWindow == 0 {
		c.FreshWindow = 5 * time.Minute
	}
	if c.MaxTuples == 0 {
		c.MaxTuples = 100
	}
	if c.Version == "" {
		c.Version = "unknown"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.FreshWindow < 0 {
		errs = append(errs, fmt.Errorf("fresh window: must be positive, got %v", c.FreshWindow))
	}
	if c.MaxTuples < 0 {
		errs = append(errs, fmt.Errorf("max tuples: must be positive, got %d", c.MaxTuples))
	}
	return errors.Join(errs...)
}

// Metrics counts what was committed and what the worker does. Its methods may be called from many goroutines.
type Metrics struct {
	cfg        Config
	calls      *calls
	worker     *worker
	partitions *partitions
	retention  *retention
	viewers    *viewers
	refusal    sync.Once

	// mu guards tuples and folded.
	mu     sync.Mutex
	tuples map[tupleKey]*tuple
	// folded remembers, as hashes, the tuples that the cap left out: the demand beyond the cap.
	folded map[uint64]struct{}
	seed   maphash.Seed
}

// New registers every metric with reg. It fails on a Config that makes no sense and on a registerer that has one of the
// names already.
func New(reg prometheus.Registerer, cfg Config) (*Metrics, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	// Who gathers without a name is a viewer, too.
	vs := &viewers{now: cfg.Now, current: viewer{bit: 1}, known: []*viewer{{bit: 1}}}
	m := &Metrics{
		cfg:        cfg,
		viewers:    vs,
		calls:      newCalls(vs),
		worker:     newWorker(cfg),
		partitions: newPartitions(cfg.Now),
		retention:  newRetention(cfg.Now),
		tuples:     map[tupleKey]*tuple{},
		folded:     map[uint64]struct{}{},
		seed:       maphash.MakeSeed(),
	}
	m.calls.limit.Set(float64(cfg.MaxTuples))
	collectors := append(m.calls.collectors(), m.worker.collectors()...)
	collectors = append(collectors, m.retention.collectors()...)
	for _, c := range append(collectors, m.partitions) {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
