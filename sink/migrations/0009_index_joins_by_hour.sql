-- What finds the events of a trace: the hour of their time and 64 bits of a hash of the join key, instead of the join key and
-- the time. Trace ids are random, so an index that begins with them is written all over: its cost grew with the partition. Now
-- new rows meet the part of the index that belongs to their hour and stays in memory (docs/decisions/0011-ledger-layout.md).
-- Days and their partitions stay as they are.
--
-- Commits wait while it runs, and are tried again: 11 s for 5 million rows on two busy cores, and in proportion.
-- +goose Up
create index ledger_join on tracetally.ledger
    (date_bin('1 hour', time, '2000-01-01 00:00+00'), hashtextextended(join_key, 0))
    where join_key is not null;
drop index tracetally.ledger_join_key;
comment on index tracetally.ledger_join is
    'events of a trace, hour by hour: a look states both expressions for each hour, and join_key and time themselves';
