package pipeline

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/sink"
)

// Defaults of Config. A batch is offered to the committer when it holds BatchEvents events or has waited BatchAge.
const (
	DefaultBatchEvents    = 4000
	DefaultBatchAge       = 200 * time.Millisecond
	DefaultCommitInterval = 500 * time.Millisecond
	DefaultDrain          = 10 * time.Second
	DefaultStall          = time.Minute
	// DefaultSuspicion is what a broker that was cut off needs to hear what it missed, and well below DefaultStall.
	DefaultSuspicion = 10 * time.Second
	// DefaultFetchBytes is less than the consumer's own, because every partition that has a backlog holds about four times
	// as much: the answer, the batch unpacked, its records.
	DefaultFetchBytes = 256 << 10
	// DefaultMemoryLimit is what issue 4 promises for any backlog.
	DefaultMemoryLimit = 128 << 20
)

// Config is everything a worker needs. Zero values mean the defaults above, or those of the stage that a field is for.
type Config struct {
	Kafka consumer.Config
	Sink  sink.Config
	Line  LineConfig
	// From is where a partition starts that the pipeline has never seen while its topic was there: see Start.
	From Start
	// BatchEvents and BatchAge cut a partition's batch; CommitInterval is how often the committer writes.
	BatchEvents    int
	BatchAge       time.Duration
	CommitInterval time.Duration
	// MemoryLimit is what the process may hold, in bytes, the program included: what partitions may have in hand is sized by it.
	MemoryLimit int64
	// Drain bounds how long stopping may take: the batches in hand are committed within it.
	Drain time.Duration
	// Stall is how long a partition may stand still while its log goes on, before every connection to Kafka is made anew; as
	// long after that the worker ends with an error.
	Stall time.Duration
	// Suspicion is for how long a log must look like another one, or shorter than it was, before its partition halts. Nothing
	// is read from it meanwhile.
	Suspicion time.Duration
	// HaltOnGap halts a partition whose log was trimmed before it was read, instead of writing a gap and going on.
	HaltOnGap bool
	// Retention is how long rollups are kept, and the login that removes what is old.
	Retention sink.RetentionConfig
	// MetricsAddr is where /metrics, /healthz and /readyz listen; AllowRemote permits an address beyond loopback.
	MetricsAddr string
	AllowRemote bool
	// FreshWindow: events older than this do not move the llm_* counters.
	FreshWindow time.Duration
	// Version is shown by tracetally_build_info.
	Version string
	Logger  *slog.Logger
	// Listening, when set, is told the address of the metrics server once it listens.
	Listening func(addr string)
}

func (c Config) withDefaults() Config {
	c.BatchEvents = cmp.Or(c.BatchEvents, DefaultBatchEvents)
	c.BatchAge = cmp.Or(c.BatchAge, DefaultBatchAge)
	c.CommitInterval = cmp.Or(c.CommitInterval, DefaultCommitInterval)
	c.Drain = cmp.Or(c.Drain, DefaultDrain)
	c.Stall = cmp.Or(c.Stall, DefaultStall)
	c.Suspicion = cmp.Or(c.Suspicion, DefaultSuspicion)
	c.Kafka.FetchBytes = cmp.Or(c.Kafka.FetchBytes, DefaultFetchBytes)
	c.MemoryLimit = cmp.Or(c.MemoryLimit, DefaultMemoryLimit)
	if c.Line.Decoder.Now == nil {
		c.Line.Decoder.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
