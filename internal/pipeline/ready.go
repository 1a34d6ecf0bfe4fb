package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tracetally/tracetally/alerts"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/sink"
)

// What /readyz may name as missing. Lag is not among them, for a worker that catches up works; neither is a partition that
// halted, for the others go on (tracetally_partition_status tells of it).
const (
	schemaMatches    = "schema matches"
	postgresWritable = "PostgreSQL writable"
	groupJoined      = "group joined"
	kafkaReachable   = "Kafka reachable"
	kafkaAccess      = "access to Kafka"
)

// membership remembers whether the group has let this worker in.
type membership struct {
	now func() time.Time
	// grace is how long a worker that has lost its place still counts as in: every rebalance takes the place of all members
	// for a while, and a probe that fails then would restart workers that only wait for each other.
	grace time.Duration

	mu     sync.Mutex
	in     bool
	ever   bool
	leftAt time.Time
}

// joined is what the consumer tells.
func (m *membership) joined(in bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.in && !in {
		m.leftAt = m.now()
	}
	m.in, m.ever = in, m.ever || in
}

// missing is nil for a worker that is in the group, or was until a moment ago.
func (m *membership) missing() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch out := m.now().Sub(m.leftAt); {
	case m.in:
		return nil
	case !m.ever:
		return errors.New("the consumer group has not let this worker in yet")
	case out > m.grace:
		return fmt.Errorf("out of the consumer group for %v", out.Round(time.Second))
	}
	return nil
}

// readiness is what the worker asks itself when /readyz is asked. kafka says what keeps us from it; that its brokers are gone
// counts only once the group is, for when they restart the worker goes on.
func readiness(store *sink.Store, group *membership, kafka *consumer.Client) func(context.Context) []alerts.Missing {
	return func(ctx context.Context) []alerts.Missing {
		var missing []alerts.Missing
		if err := store.Ready(ctx); errors.Is(err, sink.ErrSchemaVersion) {
			missing = append(missing, alerts.Missing{What: schemaMatches, Err: err})
		} else if err != nil {
			missing = append(missing, alerts.Missing{What: postgresWritable, Err: err})
		}
		if err := group.missing(); err != nil {
			missing = append(missing, alerts.Missing{What: groupJoined, Err: err})
			if err := kafka.Unreachable(); err != nil {
				missing = append(missing, alerts.Missing{What: kafkaReachable, Err: err})
			}
		}
		if err := kafka.Refused(); err != nil {
			missing = append(missing, alerts.Missing{What: kafkaAccess, Err: err})
		}
		return missing
	}
}
