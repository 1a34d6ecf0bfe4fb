package alerts

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StatusRunning is the status of a partition that is read and committed. Any other is the reason of a halt.
const StatusRunning = "running"

// answerLimit is how old the broker's last answer may be to still say that a partition is caught up.
const answerLimit = 60 * time.Second

// PartitionMetrics tells how far one partition is. Its values are computed when they are gathered, so that a partition
// that stands still is seen to fall behind.
type PartitionMetrics struct {
	of        *partitions
	topic, id string

	mu sync.Mutex
	// next is the offset that is committed next, end the log's; known only after their first call.
	next, end           int64
	committed, answered bool
	// newest is the time of the newest record that was committed; before the first commit, of the assignment.
	newest time.Time
	// answer is when the broker last said where the log ends; caughtUp is when it last said that nothing was missing.
	answer, caughtUp time.Time
	status           string
}

// Partition starts the gauges of a partition that was assigned to this worker. It takes the place of an older one of the
// same partition, whose Delete then does nothing.
func (m *Metrics) Partition(topic string, partition int32) *PartitionMetrics {
	p := &PartitionMetrics{
		of: m.partitions, topic: label(topic), id: strconv.Itoa(int(partition)), newest: m.cfg.Now(), status: StatusRunning,
	}
	m.partitions.mu.Lock()
	defer m.partitions.mu.Unlock()
	m.partitions.live[partitionKey{p.topic, p.id}] = p
	return p
}

// Delete ends the gauges: the partition was revoked, and what we knew of it is no longer so.
func (p *PartitionMetrics) Delete() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	if key := (partitionKey{p.topic, p.id}); p.of.live[key] == p {
		delete(p.of.live, key)
	}
}

// Fetched notes an answer of the broker: end is the log's high watermark, the offset that its next record will get. A
// transaction that stays open then shows as lag, which it is.
func (p *PartitionMetrics) Fetched(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end, p.answered, p.answer = end, true, p.of.now()
	p.noteCaughtUp()
}

// Committed notes an acknowledged commit, and once after the claim where the worker starts: next is the first offset that
// is not committed, newest the time of the newest record committed so far, zero when it is not known.
func (p *PartitionMetrics) Committed(next int64, newest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.committed = next, true
	if !newest.IsZero() {
		p.newest = newest
	}
	p.noteCaughtUp()
}

// noteCaughtUp holds the broker's last answer against what is committed.
func (p *PartitionMetrics) noteCaughtUp() {
	if p.committed && p.answered && p.next >= p.end {
		p.caughtUp = p.answer
	}
}

// Status notes StatusRunning or the reason why the partition halted, a word of a closed set of the caller.
func (p *PartitionMetrics) Status(status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = label(status)
}

// lagSeconds is 0 for a partition that is caught up, by an answer of the broker that is fresh enough to rely on. Any other
// is behind by the age of its newest committed record, or by less if it was caught up later than that.
func (p *PartitionMetrics) lagSeconds(now time.Time) (seconds float64, caughtUp bool) {
	if !p.caughtUp.IsZero() && p.caughtUp.Equal(p.answer) && now.Sub(p.answer) <= answerLimit {
		return 0, true
	}
	since := p.newest
	if p.caughtUp.After(since) {
		since = p.caughtUp
	}
	return max(0, now.Sub(since).Seconds()), false
}

type partitionKey struct{ topic, partition string }

// partitions is the collector of all PartitionMetrics.
type partitions struct {
	now                                            func() time.Time
	lagRecords, lagSeconds, next, caughtUp, status *prometheus.Desc

	mu   sync.Mutex
	live map[partitionKey]*PartitionMetrics
}

func newPartitions(now func() time.Time) *partitions {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"topic", "partition"}, more...), nil)
	}
	return &partitions{
		now: now, live: map[partitionKey]*PartitionMetrics{},
		lagRecords: desc("tracetally_partition_lag_records",
			"Offsets between the next to be committed and the end of the log as the broker last told it."),
		lagSeconds: desc("tracetally_event_time_lag_seconds",
			"0 when caught up, else the time since the worker was, or the age of the newest record committed if that is less."),
		next: desc("tracetally_partition_next_offset", "The first offset that is not committed."),
		caughtUp: desc("tracetally_caught_up",
			"1 when all that the broker told of in the last 60 s is committed, else 0."),
		status: desc("tracetally_partition_status",
			"Always 1. The label status is running, or why the partition halted.", "status"),
	}
}

// Describe tells the registry the descriptors of the gauges.
func (ps *partitions) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ps.lagRecords, ps.lagSeconds, ps.next, ps.caughtUp, ps.status} {
		ch <- d
	}
}

// Collect computes the gauges of the partitions that this worker has.
func (ps *partitions) Collect(ch chan<- prometheus.Metric) {
	now := ps.now()
	for _, p := range ps.all() {
		for _, m := range p.gauges(now) {
			ch <- m
		}
	}
}

func (ps *partitions) all() []*PartitionMetrics {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := make([]*PartitionMetrics, 0, len(ps.live))
	for _, p := range ps.live {
		all = append(all, p)
	}
	return all
}

// gauges leaves out what is not known yet.
func (p *PartitionMetrics) gauges(now time.Time) []prometheus.Metric {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ms []prometheus.Metric
	gauge := func(d *prometheus.Desc, v float64, more ...string) {
		// The labels were made valid before, so an error cannot be; if it is, the gathering shows it.
		m, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, v, append([]string{p.topic, p.id}, more...)...)
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		ms = append(ms, m)
	}
	seconds, caughtUp := p.lagSeconds(now)
	gauge(p.of.lagSeconds, seconds)
	gauge(p.of.caughtUp, map[bool]float64{true: 1}[caughtUp])
	gauge(p.of.status, 1, p.status)
	if p.committed {
		gauge(p.of.next, float64(p.next))
	}
	if p.committed && p.answered {
		gauge(p.of.lagRecords, float64(max(0, p.end-p.next)))
	}
	return ms
}
