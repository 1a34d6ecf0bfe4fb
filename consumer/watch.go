package consumer

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// errPartitionsChanged is why the context of work ends when a topic has grown.
var errPartitionsChanged = errors.New("partitions of the topics have changed")

// watcher knows which partitions the group's leader has dealt out, and notices when there are others. kafka-go has a watch
// of its own (v0.4.51, ConsumerGroupConfig.WatchPartitionChanges): it rejoins without pause as long as a topic does not
// exist, and compares with what it sees after the join, so that what appears during the join is missed.
type watcher struct {
	client *Client
	mu     sync.Mutex
	dealt  map[string]int // topic → number of partitions; nil if the last join did not make us leader
}

// watchedBalancer tells the watcher what is dealt out. kafka-go calls it in the group's leader only.
type watchedBalancer struct {
	kafka.GroupBalancer
	watch *watcher
}

// AssignGroups deals out the partitions. kafka-go gives none at all if one of the topics does not exist; what the
// transport knows makes up for that.
func (b watchedBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	seen := map[string]int{}
	for _, p := range partitions {
		seen[p.Topic]++
	}
	known, err := b.watch.counts(ctx)
	if err != nil {
		b.watch.client.log.Debug("cannot compare partitions", "err", err)
	}
	for topic, n := range known {
		if seen[topic] > 0 {
			continue // the coordinator's answer is fresher
		}
		for id := range n {
			partitions = append(partitions, kafka.Partition{Topic: topic, ID: id})
		}
		seen[topic] = n
	}
	b.watch.mu.Lock()
	b.watch.dealt = seen
	b.watch.mu.Unlock()
	return b.GroupBalancer.AssignGroups(members, partitions)
}

// taken is what was dealt out by us in the join that just ended; nil if another member is the leader.
func (w *watcher) taken() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	dealt := w.dealt
	w.dealt = nil
	return dealt
}

// counts is how many partitions each topic has; those that do not exist are missing. Topics in an in-between state, just
// created or without a leader, are counted as they are listed.
func (w *watcher) counts(ctx context.Context) (map[string]int, error) {
	m, err := w.client.metadata(ctx)
	if err != nil {
		return nil, err
	}
	_ = w.client.checkTopics(m, w.client.cfg.Topics...) // one that we may not see is like one that is not there, and is said
	counts := map[string]int{}
	for _, t := range m.Topics {
		if n := len(t.Partitions); n > 0 {
			counts[t.Name] = n
		}
	}
	return counts, nil
}

// changes is closed when the partitions are no longer those that were dealt out. It never is when nothing was dealt by us,
// or once ctx has ended.
func (w *watcher) changes(ctx context.Context, dealt map[string]int, watching *sync.WaitGroup) <-chan struct{} {
	changed := make(chan struct{})
	if dealt == nil {
		return changed
	}
	watching.Go(func() {
		if w.watch(ctx, dealt) {
			close(changed)
		}
	})
	return changed
}

// watch is true once the partitions have changed, false when ctx ends. The transport's knowledge may be older than what
// was dealt out, so fewer partitions count only when they are seen twice, metadataTTL apart; more are always new.
func (w *watcher) watch(ctx context.Context, dealt map[string]int) bool {
	var fewerSince time.Time
	for wait(ctx, w.client.cfg.PartitionWatch) {
		counts, err := w.counts(ctx)
		if err != nil || maps.Equal(counts, dealt) {
			fewerSince = time.Time{}
			continue
		}
		for topic, n := range counts {
			if n > dealt[topic] {
				return true
			}
		}
		if fewerSince.IsZero() {
			fewerSince = time.Now()
		} else if time.Since(fewerSince) > 2*metadataTTL {
			return true
		}
	}
	return false
}
