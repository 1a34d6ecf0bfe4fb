-- Who owns which partition, how far it is committed and what became of every offset. New tables: no lock is held long.
-- +goose Up
create table tracetally.progress (
    id integer generated always as identity,
    topic text not null,
    partition integer not null,
    incarnation integer not null default 1,
    status text not null default 'running',
    owner text not null default '',
    owner_token uuid,
    epoch bigint not null default 1,
    start_offset bigint not null,
    next_offset bigint not null,
    counted bigint not null default 0,
    duplicate bigint not null default 0,
    late bigint not null default 0,
    quarantined bigint not null default 0,
    ignored bigint not null default 0,
    gap bigint not null default 0,
    events_new bigint not null default 0,
    events_duplicate bigint not null default 0,
    events_late bigint not null default 0,
    events_conflicting bigint not null default 0,
    watermark timestamptz,
    caught_up_at timestamptz,
    last_commit uuid,
    leader_epoch integer not null default -1,
    anchor_offset bigint,
    anchor_hash bytea,
    cluster_id text not null,
    acquired_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint progress_pkey primary key (topic, partition, incarnation),
    constraint progress_id_key unique (id),
    constraint progress_status_word check (status ~ '^[a-z][a-z_]{0,39}$'),
    constraint progress_offsets_forward check (start_offset >= 0 and next_offset >= start_offset),
    constraint progress_accounted check (
        next_offset - start_offset = counted + duplicate + late + quarantined + ignored + gap
    ),
    constraint progress_verdicts_positive check (
        least(counted, duplicate, late, quarantined, ignored, gap,
              events_new, events_duplicate, events_late, events_conflicting) >= 0
    )
) with (fillfactor = 50);
comment on table tracetally.progress is
    'One row per Kafka partition: the offset up to which it is committed, and what became of every offset before it.';
comment on column tracetally.progress.id is 'short name of the row, used by ledger.source_id';
comment on column tracetally.progress.topic is 'Kafka topic';
comment on column tracetally.progress.partition is 'Kafka partition';
comment on column tracetally.progress.incarnation is 'raised by reset, when the log behind the name is another one';
comment on column tracetally.progress.status is 'running, or why the partition is halted';
comment on column tracetally.progress.owner is 'worker that acquired it last, for people';
comment on column tracetally.progress.owner_token is 'new with every acquire; a commit must name it';
comment on column tracetally.progress.epoch is 'number of acquires, for people';
comment on column tracetally.progress.start_offset is 'where the pipeline began; frozen at first sight';
comment on column tracetally.progress.next_offset is 'first offset that is not accounted for';
comment on column tracetally.progress.counted is 'offsets of records with at least one new event';
comment on column tracetally.progress.duplicate is 'offsets of records whose events were all counted before';
comment on column tracetally.progress.late is 'offsets of records with no new and at least one late event';
comment on column tracetally.progress.quarantined is 'offsets of records that can never be used; see quarantine';
comment on column tracetally.progress.ignored is 'offsets with nothing of ours: markers, holes, tombstones, foreign events';
comment on column tracetally.progress.gap is 'offsets that Kafka deleted before they were read; see gaps';
comment on column tracetally.progress.events_new is 'events counted: rows ever inserted into the ledger';
comment on column tracetally.progress.events_duplicate is 'events counted before, with the same content';
comment on column tracetally.progress.events_late is 'events older than the horizon';
comment on column tracetally.progress.events_conflicting is 'events counted before with other content: the first one stays';
comment on column tracetally.progress.watermark is 'latest record timestamp committed, never ahead of the clock';
comment on column tracetally.progress.caught_up_at is 'when the worker last stood at the end of the log';
comment on column tracetally.progress.last_commit is 'id of the last commit: tells whether one whose answer was lost happened';
comment on column tracetally.progress.leader_epoch is 'highest leader epoch seen, -1 when unknown';
comment on column tracetally.progress.anchor_offset is 'offset of the last committed record, if its hash is known';
comment on column tracetally.progress.anchor_hash is 'hash of timestamp, key and value of that record';
comment on column tracetally.progress.cluster_id is 'Kafka cluster the offsets belong to';
comment on column tracetally.progress.acquired_at is 'when it was acquired last';
comment on column tracetally.progress.updated_at is 'when it was acquired or committed last';

create table tracetally.horizon (
    one boolean not null default true,
    ts timestamptz,
    constraint horizon_pkey primary key (one),
    constraint horizon_one_row check (one)
);
comment on table tracetally.horizon is 'One row: events before ts are late. It only ever moves forward.';
comment on column tracetally.horizon.one is 'always true';
comment on column tracetally.horizon.ts is 'a UTC midnight; null until every acquired partition has shown a timestamp';
insert into tracetally.horizon default values;

create table tracetally.quarantined (
    source_id integer not null,
    from_offset bigint not null,
    to_offset bigint not null,
    reason text not null,
    size_bytes bigint not null,
    sha256 bit(256),
    first_at timestamptz not null default now(),
    constraint quarantined_pkey primary key (source_id, from_offset),
    constraint quarantined_source foreign key (source_id) references tracetally.progress (id),
    constraint quarantined_range check (to_offset > from_offset)
);
create index quarantined_end on tracetally.quarantined (source_id, to_offset);
comment on table tracetally.quarantined is
    'Offsets of records that can never be used, as ranges: coordinates and reason, never their bytes.';
comment on column tracetally.quarantined.source_id is 'progress.id';
comment on column tracetally.quarantined.from_offset is 'first offset';
comment on column tracetally.quarantined.to_offset is 'first offset behind the range; neighbours of one reason are one range';
comment on column tracetally.quarantined.reason is 'one of the closed list of reasons';
comment on column tracetally.quarantined.size_bytes is 'bytes of the records, 0 when unknown';
comment on column tracetally.quarantined.sha256 is
    'hash of the record; of more than one, the exclusive or of theirs, so that one can be taken out; null when unknown';
comment on column tracetally.quarantined.first_at is 'when the range began';

create table tracetally.gap (
    source_id integer not null,
    from_offset bigint not null,
    to_offset bigint not null,
    first_at timestamptz not null default now(),
    constraint gap_pkey primary key (source_id, from_offset),
    constraint gap_source foreign key (source_id) references tracetally.progress (id),
    constraint gap_range check (to_offset > from_offset)
);
create index gap_end on tracetally.gap (source_id, to_offset);
comment on table tracetally.gap is 'Offsets that Kafka deleted before they were read.';
comment on column tracetally.gap.source_id is 'progress.id';
comment on column tracetally.gap.from_offset is 'first offset';
comment on column tracetally.gap.to_offset is 'first offset behind the range';
comment on column tracetally.gap.first_at is 'when it was found';

-- Moves the horizon to the UTC midnight one retention behind the slowest partition. A partition that has shown no time yet
-- holds it back altogether; a halted one, or one that never showed any, stops doing so after one retention.
-- +goose StatementBegin
create function tracetally.advance_horizon(retention interval, clock timestamptz)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    with hold as (
        select case
            when (p.status <> 'running' or p.watermark is null) and p.updated_at < clock - retention then clock
            else least(clock, coalesce(greatest(p.watermark, p.caught_up_at), '-infinity'))
        end as ts
        from tracetally.progress p
    ), target as (
        select date_trunc('day', min(ts) - retention, 'UTC') as ts from hold
    )
    update tracetally.horizon h
    set ts = target.ts
    from target
    where target.ts > coalesce(h.ts, '-infinity')
$$;
-- +goose StatementEnd
comment on function tracetally.advance_horizon is 'moves the horizon forward, never back';
revoke all on function tracetally.advance_horizon from public;

create view tracetally.partition_progress as
select topic, partition, status, owner, start_offset, next_offset, counted, duplicate, late, quarantined, ignored, gap,
       events_new, events_duplicate, events_late, events_conflicting, watermark, incarnation, caught_up_at, updated_at
from tracetally.progress;
comment on view tracetally.partition_progress is 'How far each partition is, and what became of its offsets.';

create view tracetally.quarantine as
select p.topic, p.partition, p.incarnation, q.from_offset, q.to_offset, q.to_offset - q.from_offset as records, q.reason,
       q.size_bytes, encode(substring(bit_send(q.sha256) from 5), 'hex') as sha256, q.first_at as time
from tracetally.quarantined q
join tracetally.progress p on p.id = q.source_id;
comment on view tracetally.quarantine is 'Records that can never be used: where they are in Kafka and why.';

create view tracetally.gaps as
select p.topic, p.partition, p.incarnation, g.from_offset, g.to_offset, g.to_offset - g.from_offset as records, g.first_at as time
from tracetally.gap g
join tracetally.progress p on p.id = g.source_id;
comment on view tracetally.gaps is 'Offsets that Kafka deleted before they were read.';

revoke all on all tables in schema tracetally from public;
