package sink

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Identify notes the id of a claim's topic, and returns the one that its partition has: the first one from which something was
// read. They differ when the topic was deleted and made again: its log is not the one that was counted. ErrFenced when the claim is no longer valid.
func (s *Store) Identify(ctx context.Context, c Claim, topicID uuid.UUID) (uuid.UUID, error) {
	const update = `
update tracetally.progress
set topic_id = case when topic_id is null or next_offset = 0 then $3 else topic_id end
where id = $1 and owner_token = $2
returning topic_id`
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	var kept uuid.UUID
	err := s.pool.QueryRow(ctx, update, c.SourceID, c.Token, topicID).Scan(&kept)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, ErrFenced
	}
	return kept, doing("note the id of a topic", err)
}
