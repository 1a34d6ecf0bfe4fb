package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Config says which Kafka, which topics and as whom. A zero field means its default.
type Config struct {
	// Brokers are addresses to start from, "host:port". At least one.
	Brokers []string
	// GroupID names the consumer group. All workers of one pipeline use the same.
	GroupID string
	// Topics to consume. One that does not exist yet is picked up when it appears.
	Topics []string
	// Access is how connections are secured, and as whom we come.
	Access Access
	// ClientID is how brokers name us in their logs and quotas. Default "tracetally".
	ClientID string
	// Logger gets changes of state. Default: nothing is logged.
	Logger *slog.Logger

	// MaxWait bounds how long a broker holds a fetch open when there is nothing to read, and so how long Reader.Next
	// takes. 1ms to 500ms, default 500ms: longer ones would delay shutdown.
	MaxWait time.Duration
	// FetchBytes is how much of one partition a fetch asks for, and about how much one Chunk holds after decompression.
	// 1 KiB to MaxBatchBytes, default 1 MiB. A single batch that is larger still comes whole.
	FetchBytes int32
	// MaxBatchBytes bounds one batch, as sent and after decompression, and what its decoded records take. A larger one is
	// a BadRange. 64 KiB to 512 MiB, default 32 MiB.
	MaxBatchBytes int
	// SessionTimeout is how long the group waits for a silent member. Default 30s. It must exceed the time that work takes
	// to stop, because a generation that has ended sends no heartbeats.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long the group waits for members to rejoin. Default 30s.
	RebalanceTimeout time.Duration
	// PartitionWatch is how often the group's leader looks for new partitions and topics. Default 5s.
	PartitionWatch time.Duration

	// Joined, when set, is told true when the group has let us in and false when the membership has ended, be it for a
	// rebalance, a lost coordinator or a shutdown. It is called by one goroutine at a time and must not block.
	Joined func(bool)
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Brokers, c.Topics = slices.Clone(c.Brokers), slices.Clone(c.Topics)
	if c.ClientID == "" {
		c.ClientID = "tracetally"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Joined == nil {
		c.Joined = func(bool) {}
	}
	if c.FetchBytes == 0 {
		c.FetchBytes = 1 << 20
	}
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = 32 << 20
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.MaxWait, 500 * time.Millisecond},
		{&c.SessionTimeout, 30 * time.Second},
		{&c.RebalanceTimeout, 30 * time.Second},
		{&c.PartitionWatch, 5 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return c
}

// validate reports every problem at once, in the user's words.
func (c Config) validate() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		bad("brokers: must name at least one host:port, and none may be empty")
	}
	if c.GroupID == "" {
		bad("group: must not be empty")
	}
	if len(c.Topics) == 0 || slices.Contains(c.Topics, "") {
		bad("topics: must name at least one, and none may be empty")
	}
	if sorted := slices.Sorted(slices.Values(c.Topics)); len(slices.Compact(sorted)) != len(c.Topics) {
		bad("topics: must not name one twice")
	}
	if c.MaxWait < time.Millisecond || c.MaxWait > 500*time.Millisecond {
		bad("max-wait: must be 1ms–500ms, got %v", c.MaxWait)
	}
	if c.MaxBatchBytes < 64<<10 || c.MaxBatchBytes > 512<<20 {
		bad("max-batch-bytes: must be 64 KiB–512 MiB, got %d", c.MaxBatchBytes)
	}
	if c.FetchBytes < 1<<10 || int(c.FetchBytes) > c.MaxBatchBytes {
		bad("fetch-bytes: must be 1 KiB–max-batch-bytes (%d), got %d", c.MaxBatchBytes, c.FetchBytes)
	}
	if c.SessionTimeout < time.Second || c.SessionTimeout > time.Hour {
		bad("session-timeout: must be 1s–1h, got %v", c.SessionTimeout)
	}
	if c.RebalanceTimeout < time.Second || c.RebalanceTimeout > time.Hour {
		bad("rebalance-timeout: must be 1s–1h, got %v", c.RebalanceTimeout)
	}
	if c.PartitionWatch < 10*time.Millisecond || c.PartitionWatch > time.Hour {
		bad("partition-watch: must be 10ms–1h, got %v", c.PartitionWatch)
	}
	if err := c.Access.Validate(c.Brokers); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
