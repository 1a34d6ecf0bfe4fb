package sink

import (
	"context"
	"maps"
	"slices"
)

// TopicKnown tells whether any partition of the topic was seen before. A partition that is new in a known topic was added
// after the pipeline began.
func (s *Store) TopicKnown(ctx context.Context, topic string) (bool, error) {
	const query = `select exists (select 1 from tracetally.progress where topic = $1)`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	var known bool
	err := s.pool.QueryRow(ctx, query, clean(topic)).Scan(&known)
	return known, doing("look for a topic", err)
}

// Unplaced is the start of a partition that does not say where it starts. Its row is made all the same: it holds the
// horizon, and remembers that the partition did not come later.
const Unplaced = -1

// AddTopic notes, in one statement, all partitions that a topic has when the pipeline first meets it, each with its start.
// It does nothing for a topic that is known; of two workers that meet it at once, each partition keeps the first answer.
func (s *Store) AddTopic(ctx context.Context, topic, clusterID string, starts map[int32]int64) error {
	const insert = `
insert into tracetally.progress (topic, partition, start_offset, next_offset, cluster_id, status)
select $1, u.partition, greatest(u.start, 0), greatest(u.start, 0), $4, case when u.start < 0 then 'unplaced' else 'running' end
from unnest($2::integer[], $3::bigint[]) u (partition, start)
where not exists (select 1 from tracetally.progress where topic = $1)
order by u.partition
on conflict (topic, partition, incarnation) do nothing`
	partitions := slices.Sorted(maps.Keys(starts))
	offsets := make([]int64, len(partitions))
	for i, p := range partitions {
		offsets[i] = starts[p]
	}
	return doing("add a topic", s.exec(ctx, insert, clean(topic), partitions, offsets, clean(clusterID)))
}
