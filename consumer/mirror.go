package consumer

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// mirrorEvery is how often offsets go to the group. Lag tools look every few seconds at most.
const mirrorEvery = time.Second

// mirror collects offsets of one generation and commits them to the group now and then. Failing does no harm: the next
// commit makes up for it.
type mirror struct {
	log     *slog.Logger
	mu      sync.Mutex
	pending map[string]map[int]int64
}

func newMirror(log *slog.Logger) *mirror { return &mirror{log: log} }

func (m *mirror) set(topic string, partition int, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending == nil {
		m.pending = map[string]map[int]int64{}
	}
	if m.pending[topic] == nil {
		m.pending[topic] = map[int]int64{}
	}
	m.pending[topic][partition] = offset
}

// run commits until ctx ends.
func (m *mirror) run(ctx context.Context, commit func(map[string]map[int]int64) error) {
	for wait(ctx, mirrorEvery) {
		m.flush(commit)
	}
}

// flush commits what has come since the last time.
func (m *mirror) flush(commit func(map[string]map[int]int64) error) {
	m.mu.Lock()
	offsets := m.pending
	m.pending = nil
	m.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	if err := commit(offsets); err != nil {
		m.log.Debug("offsets could not be mirrored", "err", err)
	}
}
