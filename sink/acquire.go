package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// StatusRunning is the status of a partition that may be read. Any other word says why it is halted, but for statusUnplaced:
// the partition was there when its topic was met, and did not say then where it starts. Its row holds the horizon.
const (
	StatusRunning  = "running"
	statusUnplaced = "unplaced"
)

// Start resolves where a partition begins; the answer is kept for good. met tells that the partition was there when its topic
// was met; else it came later.
type Start func(ctx context.Context, met bool) (int64, error)

// Acquire takes a partition from whoever has it: from now on only commits with the returned claim succeed. It waits for a
// commit in progress, so Next is what that commit left. The caller looks at Status and compares Anchor and LeaderEpoch with
// the log before it reads. A partition of another cluster than clusterID is not taken: ErrOtherCluster.
func (s *Store) Acquire(ctx context.Context, topic string, partition int32, clusterID string, start Start) (Claim, error) {
	claim, err := s.take(ctx, topic, partition, clusterID)
	known := !errors.Is(err, pgx.ErrNoRows)
	if known && (err != nil || claim.Status != statusUnplaced) {
		return claim, err
	}
	offset, err := start(ctx, known)
	if err != nil {
		return Claim{}, fmt.Errorf("resolve the start of %s/%d: %w", topic, partition, err)
	}
	if known {
		return s.place(ctx, claim, offset)
	}
	// Two workers may see a partition first; the one whose insert comes second starts where the first one says.
	const insert = `
insert into tracetally.progress (topic, partition, start_offset, next_offset, cluster_id)
values ($1, $2, $3, $3, $4)
on conflict (topic, partition, incarnation) do nothing`
	if err := s.exec(ctx, insert, clean(topic), partition, offset, clean(clusterID)); err != nil {
		return Claim{}, doing("add a partition", err)
	}
	return s.take(ctx, topic, partition, clusterID)
}

// place sets where a partition starts that did not say so when its topic was met.
func (s *Store) place(ctx context.Context, c Claim, offset int64) (Claim, error) {
	const update = `
update tracetally.progress
set start_offset = $3, next_offset = $3, status = 'running', updated_at = now()
where id = $1 and owner_token = $2 and status = 'unplaced'
returning start_offset`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err := s.pool.QueryRow(ctx, update, c.SourceID, c.Token, offset).Scan(&c.StartOffset)
	if errors.Is(err, pgx.ErrNoRows) {
		return Claim{}, ErrFenced
	}
	c.Next, c.Status = c.StartOffset, StatusRunning
	return c, doing("place a partition", err)
}

// take is one autocommitted statement for one partition: two in one transaction deadlock with a commit of many.
func (s *Store) take(ctx context.Context, topic string, partition int32, clusterID string) (Claim, error) {
	const update = `
update tracetally.progress p
set owner_token = case when p.cluster_id = $5 then $3 else p.owner_token end,
    owner = case when p.cluster_id = $5 then $4 else p.owner end,
    epoch = p.epoch + 1,
    acquired_at = now(),
    updated_at = now()
where p.topic = $1 and p.partition = $2
  and p.incarnation = (select max(q.incarnation) from tracetally.progress q where q.topic = $1 and q.partition = $2)
returning p.id, p.start_offset, p.next_offset, p.status, p.cluster_id, p.leader_epoch, coalesce(p.anchor_offset, 0), p.anchor_hash`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	c := Claim{Topic: topic, Partition: partition, Token: uuid.New()}
	err := s.pool.QueryRow(ctx, update, clean(topic), partition, c.Token, clean(s.cfg.Worker), clean(clusterID)).
		Scan(&c.SourceID, &c.StartOffset, &c.Next, &c.Status, &c.ClusterID, &c.LeaderEpoch, &c.Anchor.Offset, &c.Anchor.Hash)
	if err != nil {
		return Claim{}, doing("acquire a partition", err)
	}
	if c.ClusterID != clean(clusterID) {
		return Claim{}, fmt.Errorf("%w: %s/%d was read from %s, not %s", ErrOtherCluster, topic, partition, c.ClusterID, clusterID)
	}
	return c, nil
}

// Release gives a partition back at a graceful stop. Nobody needs to wait for it: the next owner acquires anyway.
func (s *Store) Release(ctx context.Context, c Claim) error {
	const update = `
update tracetally.progress
set owner_token = null, owner = ''
where id = $1 and owner_token = $2`
	return doing("release a partition", s.exec(ctx, update, c.SourceID, c.Token))
}

// Halt stops a partition for everyone, with a word that says why, for example "log_regressed". ErrFenced when the claim is
// no longer valid: then its new owner will find out for itself.
func (s *Store) Halt(ctx context.Context, c Claim, status string) error {
	const update = `
update tracetally.progress
set status = $3, updated_at = now()
where id = $1 and owner_token = $2`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	tag, err := s.pool.Exec(ctx, update, c.SourceID, c.Token, status)
	if err != nil {
		return doing("halt a partition", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrFenced
	}
	return nil
}

// CaughtUp says that all that the logs of these claims held at a moment is committed. A partition without traffic would
// otherwise hold the horizon back for ever; call it about once a minute for partitions that are at the end.
func (s *Store) CaughtUp(ctx context.Context, claims []Claim, at time.Time) error {
	ids, tokens := make([]int32, len(claims)), make([]uuid.UUID, len(claims))
	for i, c := range claims {
		ids[i], tokens[i] = c.SourceID, c.Token
	}
	// Rows are locked in the order of their ids, as a commit does. A time ahead of the server's clock, too, would stay, and
	// after an outage let the horizon pass what this partition has not read yet.
	const update = `
with l as (
    select p.id
    from tracetally.progress p
    join unnest($1::int[], $2::uuid[]) u (id, token) on u.id = p.id and u.token = p.owner_token
    order by p.id
    for update of p
)
update tracetally.progress p
set caught_up_at = greatest(p.caught_up_at, least($3, now()))
from l
where p.id = l.id`
	return doing("mark partitions as caught up", s.exec(ctx, update, ids, tokens, at))
}

// exec runs one autocommitted statement and does not wait for ever for its answer.
func (s *Store) exec(ctx context.Context, statement string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, statement, args...)
	return err
}
