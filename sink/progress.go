package sink

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// queueProgress moves the offsets and adds the verdicts. The rows are locked since lock; token and offset are compared once
// more all the same, and a row that does not match fails the transaction.
func (s *Store) queueProgress(b *pgx.Batch, works []*work) {
	const update = `
update tracetally.progress p
set next_offset = u.to_offset, last_commit = u.commit, updated_at = now(),
    counted = p.counted + u.counted, duplicate = p.duplicate + u.duplicate, late = p.late + u.late,
    quarantined = p.quarantined + u.quarantined, ignored = p.ignored + u.ignored, gap = p.gap + u.gap,
    events_new = p.events_new + u.events_new, events_duplicate = p.events_duplicate + u.events_duplicate,
    events_late = p.events_late + u.events_late, events_conflicting = p.events_conflicting + u.events_conflicting,
    watermark = greatest(p.watermark, least(u.watermark, $17, now())),
    anchor_offset = coalesce(u.anchor_offset, p.anchor_offset), anchor_hash = coalesce(u.anchor_hash, p.anchor_hash), leader_epoch = greatest(p.leader_epoch, u.leader_epoch)
from unnest($1::int[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[],
    $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
    $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::timestamptz[], $18::bigint[], $19::bytea[], $20::int[])
  as u (id, token, from_offset, to_offset, commit, counted, duplicate, late, quarantined, ignored, gap,
    events_new, events_duplicate, events_late, events_conflicting, watermark, anchor_offset, anchor_hash, leader_epoch)
where p.id = u.id and p.owner_token = u.token and p.next_offset = u.from_offset`
	n := len(works)
	var c progressColumns
	for _, w := range works {
		c.add(w)
	}
	b.Queue(update, c.ids, c.tokens, c.from, c.to, c.commits, c.counts[0], c.counts[1], c.counts[2], c.counts[3], c.counts[4],
		c.counts[5], c.counts[6], c.counts[7], c.counts[8], c.counts[9], c.watermarks, s.cfg.Now(), c.anchorOffsets,
		c.anchorHashes, c.epochs).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return errOffsetsMoved
		}
		return nil
	})
}

// progressColumns are the columns of the update, one element per work.
type progressColumns struct {
	ids             []int32
	tokens, commits []uuid.UUID
	from, to        []int64
	counts          [10][]int64
	watermarks      []*time.Time
	anchorOffsets   []*int64
	anchorHashes    [][]byte
	epochs          []int32
}

func (c *progressColumns) add(w *work) {
	b, r, e := w.batch, w.outcome.Records, w.outcome.Events
	c.ids, c.tokens, c.commits = append(c.ids, b.Claim.SourceID), append(c.tokens, b.Claim.Token), append(c.commits, w.commit)
	c.from, c.to = append(c.from, b.From), append(c.to, b.To)
	for i, v := range []int64{
		r.Counted, r.Duplicate, r.Late, r.Quarantined, r.Ignored, r.Gap, e.New, e.Duplicate, e.Late, e.Conflicting,
	} {
		c.counts[i] = append(c.counts[i], v)
	}
	c.watermarks = append(c.watermarks, orNil(b.firstTime(), b.firstTime().IsZero()))
	c.anchorOffsets = append(c.anchorOffsets, orNil(b.Anchor.Offset, b.Anchor.Hash == nil))
	c.anchorHashes = append(c.anchorHashes, b.Anchor.Hash)
	c.epochs = append(c.epochs, b.LeaderEpoch)
}

func orNil[T any](v T, absent bool) *T {
	if absent {
		return nil
	}
	return &v
}

// ranges are quarantined ranges or gaps on their way into their table.
type ranges struct {
	ids      []int32
	from, to []int64
	reasons  []string
	sizes    []int64
	hashes   []pgtype.Bits
}

// queueRanges writes quarantined ranges and gaps. A range that begins where one of the same reason ended makes that one
// longer, so how a topic was cut into batches does not show, and a topic of garbage is one row.
func queueRanges(b *pgx.Batch, works []*work) {
	const quarantine = `
with u as (
    select * from unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::varbit[])
        as u (id, from_offset, to_offset, reason, size_bytes, sha256)
), grown as (
    update tracetally.quarantined q
    set to_offset = u.to_offset, size_bytes = q.size_bytes + u.size_bytes, sha256 = q.sha256 # u.sha256::bit(256)
    from u
    where q.source_id = u.id and q.to_offset = u.from_offset and q.reason = u.reason
    returning u.id, u.from_offset
)
insert into tracetally.quarantined (source_id, from_offset, to_offset, reason, size_bytes, sha256)
select u.id, u.from_offset, u.to_offset, u.reason, u.size_bytes, u.sha256::bit(256)
from u
where not exists (select from grown g where g.id = u.id and g.from_offset = u.from_offset)`
	const gap = `
with u as (
    select * from unnest($1::int[], $2::bigint[], $3::bigint[]) as u (id, from_offset, to_offset)
), grown as (
    update tracetally.gap g
    set to_offset = u.to_offset
    from u
    where g.source_id = u.id and g.to_offset = u.from_offset
    returning u.id, u.from_offset
)
insert into tracetally.gap (source_id, from_offset, to_offset)
select u.id, u.from_offset, u.to_offset
from u
where not exists (select from grown g where g.id = u.id and g.from_offset = u.from_offset)`
	var bad, gaps ranges
	for _, w := range works {
		bad.add(w.batch.Claim.SourceID, w.batch.Quarantined)
		gaps.add(w.batch.Claim.SourceID, w.batch.Gaps)
	}
	if len(bad.ids) > 0 {
		b.Queue(quarantine, bad.ids, bad.from, bad.to, bad.reasons, bad.sizes, bad.hashes)
	}
	if len(gaps.ids) > 0 {
		b.Queue(gap, gaps.ids, gaps.from, gaps.to)
	}
}

// add appends a partition's ranges, neighbours of one reason as one.
func (c *ranges) add(id int32, all []Range) {
	for _, r := range all {
		last := len(c.ids) - 1
		if last >= 0 && c.ids[last] == id && c.to[last] == r.From && c.reasons[last] == string(r.Reason) {
			c.to[last] = r.To
			c.sizes[last] += r.Size
			c.hashes[last] = xor(c.hashes[last], hashBits(r.SHA256))
			continue
		}
		c.ids, c.from, c.to = append(c.ids, id), append(c.from, r.From), append(c.to, r.To)
		c.reasons, c.sizes = append(c.reasons, string(r.Reason)), append(c.sizes, r.Size)
		c.hashes = append(c.hashes, hashBits(r.SHA256))
	}
}

// hashBits is a SHA-256 as the bits of a column, absent when it is none.
func hashBits(sum []byte) pgtype.Bits {
	if len(sum) != 32 {
		return pgtype.Bits{}
	}
	return pgtype.Bits{Bytes: slices.Clone(sum), Len: 256, Valid: true}
}

// xor is absent when one of the two is: a sum with an unknown part is unknown, in whatever order it is made.
func xor(a, b pgtype.Bits) pgtype.Bits {
	if !a.Valid || !b.Valid {
		return pgtype.Bits{}
	}
	for i := range a.Bytes {
		a.Bytes[i] ^= b.Bytes[i]
	}
	return a
}
