-- Which topic of that name a partition was read from, and a leader epoch that can be compared. A new column without a default,
-- and an update of a row per partition: the lock is held for a moment, whatever the size of the ledger.
-- +goose Up
alter table tracetally.progress add column topic_id uuid;
comment on column tracetally.progress.topic_id is
    'id that Kafka gave the topic when it was made; null when its brokers give none. Another one is another log';
grant update (topic_id) on tracetally.progress to tracetally_writer;

-- What was noted so far came from batches, where no checksum covers it. From now on the leader itself says it.
update tracetally.progress set leader_epoch = -1;
comment on column tracetally.progress.leader_epoch is 'highest leader epoch that a leader said it is in, -1 when unknown';
